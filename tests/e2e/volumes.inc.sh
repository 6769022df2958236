# Snapshots of a stack's volumes, with one engine: stopped for a moment, compressed and sent while it runs again, committed by the
# manifest alone, rotated by complete snapshots, restored by hand from README.md. Sourced by volumes_docker.sh and
# volumes_podman.sh, after engines.sh.

ids() { ls "$1" 2>/dev/null | grep -E '^[0-9]{8}-[0-9]{6}$'; }
count() { ids "$1" | wc -l; }
kept() { compgen -G "$STATE/spool/*" || compgen -G "$STATE/snapshots/lightrag/*.partial"; }

whole() {
  local volume kg
  ENGINE=$1
  start_stack
  head -c 3000000 /dev/urandom >"$(mountpoint_of lightrag-data)/vectors"
  printf 'cached\n' >"$(mountpoint_of lightrag-cache)/answer"; chown 1234:77 "$(mountpoint_of lightrag-cache)"; chmod 750 "$(mountpoint_of lightrag-cache)"
  ln -s answer "$(mountpoint_of lightrag-cache)/link"; ln "$(mountpoint_of lightrag-cache)/answer" "$(mountpoint_of lightrag-cache)/again"
  setfattr -n user.kind -v graph "$(mountpoint_of lightrag-kg)/entities"
  stack_policy '"disk"' "keep_snapshots = { disk = 2, local = 2 }
health = { url = \"http://localhost:$HEALTH_PORT/health\", json = { status = \"healthy\", pipeline_busy = \"false\" }, within = \"10s\" }
probe = { entities = [\"/usr/bin/$ENGINE\", \"exec\", \"lightrag_neo4j_1\", \"wc\", \"-l\", \"/kg/entities\"] }"
  check "$ENGINE: a backup" gate 'backupctl --backup lightrag'
  check_says "… tells the downtime" "downtime"
  check_says "… and that the service is healthy" "healthy-after"
  check "… the stack runs" stack_is running
  check "… one snapshot there" test "$(count "$ROOT/disk")" = 1
  ID=$(ids "$ROOT/disk") HERE=$ROOT/disk/$(ids "$ROOT/disk")
  check "… with all its files" eval 'for f in MANIFEST.sha256 README.md manifest.json lightrag-{data,kg,cache,neo4j-data}.tar.gz; do test -s $HERE/$f || exit 1; done'
  check "… which sha256sum -c accepts" bash -c "cd $HERE && sha256sum --quiet --strict -c MANIFEST.sha256"
  check "… the probe is recorded" grep -qE '"probes":\{"entities":"[0-9]+ /kg/entities"\}' "$HERE/manifest.json"
  check "… it stands still at the snapshot: no entity is cut off" bash -c "tar -xzOf $HERE/lightrag-kg.tar.gz data/entities | sort -u | grep -qx entity"
  check "… this host has it too" test "$(ids "$STATE/snapshots/lightrag")" = "$ID"
  check_not "… nothing half made is left" kept
  check "list" gate 'backupctl --list lightrag'
  check_says "… tells of it, verified" "verified  disk"
  check_says "… and of this host's own" "verified  local"
  check "verify" gate 'backupctl --verify lightrag'
  check "… by its id" gate "backupctl --verify lightrag --snapshot-id $ID"
  check_exit 65 "… another id: 65" gate 'backupctl --verify lightrag --snapshot-id 20010101-000000'
  check "status" gate 'backupctl --status lightrag'

  # Rotation: by complete snapshots only.
  mkdir "$ROOT/disk/20200101-000000"; touch "$ROOT/disk/20200101-000000/lightrag-data.tar.gz"
  for _ in 1 2; do sleep 1; check "another backup" gate 'backupctl --backup lightrag'; done
  check_says "… deleted the oldest" "deleted 1"
  check_not "… the first is gone" test -e "$HERE"
  check "… two are left, and what is none of ours" test "$(count "$ROOT/disk")" = 3
  check "… two on this host" test "$(count "$STATE/snapshots/lightrag")" = 2
  check "the journal has the reason" grep -q '"event":"delete".*2 others are kept' $STATE/journal/journal.jsonl

  # A clock that ran ahead left a snapshot of tomorrow: until it is over, nothing is deleted (D4).
  cp -a "$STATE/history" "$ROOT/history"
  echo "@$(date -d '+1 day' '+%F %T')" >/etc/faketimerc
  check "a backup by a clock that runs ahead" env LD_PRELOAD="$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')" DONT_FAKE_MONOTONIC=1 $GATE --backup lightrag
  rm /etc/faketimerc; AHEAD=$(ids "$ROOT/disk" | tail -n 1)
  rm -rf "$STATE/snapshots/lightrag/$AHEAD"
  before=$(count "$ROOT/disk")
  check "the clock is right again: a backup" gate 'backupctl --backup lightrag'
  check_says "… deletes nothing, and says why" "is not the newest snapshot there, so nothing was deleted"
  check "… nothing is gone" test "$(count "$ROOT/disk")" = $((before + 1))
  rm -rf "$ROOT/disk/$AHEAD" "$STATE/history"; mv "$ROOT/history" "$STATE/history"

  # What cannot be read whole is no snapshot that counts, and takes no good one's place (D2).
  local good_here=$(ids "$STATE/snapshots/lightrag") inside
  inside=$(mountpoint_of lightrag-data)/inside; mkdir "$inside"; mount -t tmpfs none "$inside"
  sleep 1; check_exit 74 "a mount point inside a volume: 74" gate 'backupctl --backup lightrag'
  check_says "… says what is missing" "mount point, not read"
  check "… and its snapshot does not count" test "$(gate 'backupctl --list lightrag' 2>/dev/null | grep -c 'unverified  disk')" = 1
  check "… the good ones stay on this host" test "$(ids "$STATE/snapshots/lightrag")" = "$good_here"
  umount "$inside"; rmdir "$inside"
  sleep 1; check "the next whole one" gate 'backupctl --backup lightrag'
  check "… takes it away" test "$(gate 'backupctl --list lightrag' 2>/dev/null | grep -c 'unverified  disk')" = 0

  # One flipped bit, a missing volume, a manifest of another place.
  HERE=$ROOT/disk/$(ids "$ROOT/disk" | tail -n 1) OLD=$ROOT/disk/$(ids "$ROOT/disk" | sed -n 2p)
  cp -a "$HERE" "$ROOT/copy"
  printf x | dd of="$HERE/lightrag-kg.tar.gz" bs=1 seek=40 conv=notrunc status=none
  check_exit 65 "a flipped byte: 65" gate 'backupctl --verify lightrag'
  check_says "… names the file" "lightrag-kg.tar.gz is not what its signed manifest says"
  cp "$ROOT/copy/lightrag-kg.tar.gz" "$HERE"; rm "$HERE/lightrag-cache.tar.gz"
  check_exit 65 "a missing volume: 65" gate 'backupctl --verify lightrag'
  cp "$ROOT/copy/lightrag-cache.tar.gz" "$HERE"; cp "$OLD/manifest.json" "$HERE"
  check_exit 65 "the manifest of another snapshot: 65" gate 'backupctl --verify lightrag'
  check_says "… says so" "it belongs to the archive"
  cp "$ROOT/copy/manifest.json" "$HERE"; sed -i 's/"members":/"members": /' "$HERE/manifest.json"
  check_exit 65 "a changed manifest: 65" gate 'backupctl --verify lightrag'
  cp "$ROOT/copy/manifest.json" "$HERE"
  rm -rf "$ROOT/away"; mv "$HERE" "$ROOT/away"
  check "the newest is hidden: older ones verify" gate "backupctl --verify lightrag --snapshot-id ${OLD##*/}"
  mv "$ROOT/away" "$HERE"

  # A rehearsal, of what lies on the remote.
  mv "$STATE/snapshots/lightrag" "$ROOT/aside"
  check "a drill" $GATE --drill lightrag
  check_says "… fetches it from the remote" "from disk"
  check_says "… and extracts every volume" "every volume extracted as it was signed"
  check "… its record is signed, and says so" grep -q '"result":"restorable"' $STATE/drills/lightrag-*.json
  rm -rf "$STATE/snapshots/lightrag"; mv "$ROOT/aside" "$STATE/snapshots/lightrag"
  printf x | dd of="$HERE/lightrag-kg.tar.gz" bs=1 seek=40 conv=notrunc status=none
  check_exit 65 "a drill of a damaged one: 65" $GATE --drill lightrag
  check_says "… is recorded" "recorded in"
  cp "$ROOT/copy/lightrag-kg.tar.gz" "$HERE"

  # By hand: README.md alone.
  check "the service stops" gate 'backupctl --stop lightrag'
  for volume in "${VOLUMES[@]}"; do fingerprint_of "$(mountpoint_of "$volume")"; done >"$ROOT/before"
  check "a backup of a service that is stopped already" gate 'backupctl --backup lightrag'
  check "… starts it" stack_is running
  HERE=$ROOT/disk/$(ids "$ROOT/disk" | tail -n 1)
  sed -n '/^## Restore it without/,/^## \|^Then\|^When/s/^    //p' "$HERE/README.md" >"$ROOT/by-hand.sh"
  check "its README names the containers" grep -q "start lightrag_neo4j_1 lightrag_lightrag_1" "$ROOT/by-hand.sh"
  sed -i '/ start /d' "$ROOT/by-hand.sh"      # first as it was, before the stack writes again
  check "its README restores, word for word" in_folder "$HERE" "$ROOT/by-hand.sh"
  for volume in "${VOLUMES[@]}"; do fingerprint_of "$(mountpoint_of "$volume")"; done >"$ROOT/after"
  check_same "… every name, owner, mode, time, link and byte of all volumes" "$ROOT/before" "$ROOT/after"
  check "… extended attributes too" test "$(getfattr --only-values -n user.kind "$(mountpoint_of lightrag-kg)/entities" 2>/dev/null)" = graph
  engine start lightrag_neo4j_1 lightrag_lightrag_1 >/dev/null

  # Health: what the service answers, and what it must not do to who asks.
  sed -i 's/status = "healthy"/status = "starting"/; s/within = "10s"/within = "2s"/' "$POLICY"
  check_exit 69 "unhealthy after the start: 69" gate 'backupctl --backup lightrag'
  check_says "… says what it answers" "status is healthy and not starting"
  check_says "… and that the snapshot is kept" "is kept"
  check "… which verifies" gate 'backupctl --verify lightrag'
  local path
  for path in 'loop#redirects more than 3 times' 'away#redirects to another place' 'file#redirects to another place' 'big#more than 1048576 bytes' 'text#no JSON object' 'error#status 503'; do
    sed -i "s|url = \"[^\"]*\"|url = \"http://127.0.0.1:$HOSTILE_PORT/${path%%#*}\"|" "$POLICY"
    check_exit 69 "a health that answers with ${path%%#*}: 69" $GATE --backup lightrag
    check_says "… says so" "${path#*#}"
  done
  check "… the stack runs" stack_is running

  # Somebody else's container on the same volume.
  engine run -d --name other $(other_flags) -v lightrag-cache:/cache "$(image)" sh -c 'while :; do sleep 1; done' >/dev/null
  sed -i 's|url = "[^"]*"|url = "http://localhost:'"$HEALTH_PORT"'/health"|; s/status = "starting"/status = "healthy"/; s/within = "2s"/within = "10s"/' "$POLICY"
  check "a container of somebody else's uses a volume" $GATE --backup lightrag
  check_says "… is warned of" "container other uses a volume of lightrag too"
  check_not "… and no other" grep -q "container lightrag_" "$out"
  engine rm -f other >/dev/null 2>&1

  # What goes wrong: one clear line each, and the service runs.
  sed -i 's/"lightrag-cache", /"lightrag-cache", "not-there", /' "$POLICY"
  check_exit 78 "a volume that is missing: 78" gate 'backupctl --backup lightrag'
  check_says "… one line" "$ENGINE has no volume not-there"
  check "… the stack runs" stack_is running
  sed -i 's/"not-there", //; s/services = .*/services = ["lightrag", "nothing"]/' "$POLICY"
  check_exit 69 "a container's name that is none: 69" gate 'backupctl --stop lightrag'
  check_says "… one line" "service nothing of project lightrag does not exist"
  check "… the stack runs" stack_is running
  sed -i 's/services = .*/services = ["lightrag", "neo4j"]/' "$POLICY"
  mount -t tmpfs -o size=2m,mode=700 none "$STATE/spool"
  check_exit 74 "the state directory is full: 74" gate 'backupctl --backup lightrag'
  umount "$STATE/spool"
  check "… the stack runs" stack_is running
  check_not "… nothing half made is left" kept
  engine rm -f lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null 2>&1; for volume in "${VOLUMES[@]}"; do engine volume rm "$volume" >/dev/null; done
  rm -rf "$ROOT/disk" "$ROOT/copy" $STATE/snapshots/lightrag $STATE/history/lightrag*
}
image() { if [ "$ENGINE" = docker ]; then echo $DOCKER_IMAGE; else echo $IMAGE; fi; }
other_flags() { if [ "$ENGINE" = docker ]; then echo --network=none; else podman_flags $IMAGE; fi; }
fingerprint_of() { (cd "$1" && find . -printf '%p %y %m %U:%G %T@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 -r sha256sum); }
in_folder() { (cd "$1" && PATH=/usr/bin:/bin:/usr/sbin:/sbin sh -e "$2"); }


# start_hostile: a service that answers for its health with what must not harm who asks.
start_hostile() {
  HOSTILE_PORT=$(free_port)
  cat >"$ROOT/hostile.py" <<'EOF'
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        to = {'/loop': '/loop', '/away': 'http://elsewhere.example/', '/file': 'file:///etc/shadow'}.get(self.path)
        self.send_response(302 if to else 503 if self.path == '/error' else 200)
        if to: self.send_header('Location', to)
        self.end_headers()
        try: self.wfile.write(b' ' * 3000000 if self.path == '/big' else b'hello')
        except OSError: pass
    def log_message(self, *words): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()
EOF
  python3 "$ROOT/hostile.py" "$HOSTILE_PORT" >/dev/null 2>&1 &
  echo $! >"$ROOT/pids/hostile"; disown
}
