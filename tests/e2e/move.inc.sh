# A stack moves to another host, with one engine: snapshots go to Azure, the host is lost, another one with nothing but the policy,
# the env file and the old host's public key restores, proves and can go back. Sourced by move_docker.sh and move_podman.sh, after
# engines.sh and volumes.inc.sh.
#
# Host A is this mount namespace. Host B is another one, with an /etc/backupctl, a state directory and an engine of its own; `host`
# runs a program there once HOST is b.

HOST=a
host() { if [ $HOST = a ]; then "$@"; else nsenter --mount="/proc/$(cat "$ROOT/b/pid")/ns/mnt" -- "$@"; fi; }
# Functions of the other files that run an engine do it on the host that HOST names.
docker() { host /usr/bin/docker -H unix:///run/docker.sock "$@"; }
podman() { host /usr/bin/podman "$@"; }
backupctl() { host $GATE "$@"; }
fingerprints() {
  local volume
  for volume in "${VOLUMES[@]}"; do
    host bash -c "$(declare -f fingerprint_of); fingerprint_of '$(mountpoint_of "$volume")'" | grep -v heartbeat
  done
}
write_in() { host bash -c "echo '$2' >'$(mountpoint_of "${1%%/*}")/${1#*/}'"; }
read_in() { host cat "$(mountpoint_of "${1%%/*}")/${1#*/}" 2>/dev/null; }
starts() { engine inspect -f '{{.State.StartedAt}}' lightrag_lightrag_1 lightrag_neo4j_1; }

# host_b: boots it.
host_b() {
  local b=$ROOT/b
  mkdir -p "$b"/{etc,state,containers,run}
  chmod 755 "$b/etc"
  unshare --mount --propagation private -- bash -c 'echo $BASHPID >"$0"; exec sleep infinity' "$b/pid" & disown
  wait_for 10 test -s "$b/pid"
  HOST=b
  host mount --bind "$b/etc" /etc/backupctl
  host mount --bind "$b/state" "$STATE"
  host mount -t tmpfs -o mode=1777 none /dev/shm
  if [ "$ENGINE" = docker ]; then
    HOST=a start_docker_b "$b/docker"
    host mount --bind "$b/docker.sock" /run/docker.sock
  else
    host mount --bind "$b/containers" "$ROOT/containers"
    host mount --bind "$b/run" "$ROOT/run"
  fi
}
# The engine of host B runs in this namespace: what it makes for containers is its own affair.
start_docker_b() {
  local dir=$1
  mkdir -p "$dir"
  setsid dockerd --iptables=false --ip6tables=false --bridge=none --userland-proxy=false --default-ulimit nofile=1024:1024 \
    --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --host "unix://$ROOT/b/docker.sock" </dev/null >>"$dir/log" 2>&1 &
  disown
  wait_for 60 /usr/bin/docker -H "unix://$ROOT/b/docker.sock" version || { fail "dockerd of host B"; _indent "$dir/log"; e2e_end; }
}
stop_b() {
  local each ns
  [ -e "$ROOT/b/pid" ] || return 0
  HOST=b
  for each in $(engine ps -aq 2>/dev/null); do engine rm -f "$each" >/dev/null 2>&1; done
  HOST=a
  [ "$ENGINE" != docker ] || end_pid "$ROOT/b/docker/pid"
  ns=$(readlink "/proc/$(cat "$ROOT/b/pid")/ns/mnt")
  for each in /proc/[0-9]*; do
    [ "$(readlink "$each/ns/mnt" 2>/dev/null)" != "$ns" ] || kill -9 "${each#/proc/}" 2>/dev/null
  done
  for each in $(awk -v dir="$ROOT/b/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r); do umount -l "$each"; done
}

# There is no time between these two for the service to write.
still_snapshot() {
  write_in lightrag-kg/still "$1"
  for volume in "${VOLUMES[@]}"; do write_in "$volume/generation" "$1"; done
  sleep 1
  check "a snapshot of generation $1" gate 'backupctl --backup lightrag'
}
generations() { for volume in "${VOLUMES[@]}"; do read_in "$volume/generation"; done | sort -u | tr '\n' ' '; }

# refused TITLE FROM WORDS: the restore ends 65, says so, and nothing was touched.
refused() {
  check_exit 65 "$1: 65" backupctl --restore lightrag --yes --from "$2" ${4:+--snapshot-id "$4"}
  check_says "… says so" "$3"
}

move() {
  local i volume older newer from
  ENGINE=$1
  mkdir -p "$ROOT/stack"
  start_azurite
  start_stack
  ln -s nowhere "$(mountpoint_of lightrag-cache)/link"; chown 1234:77 "$(mountpoint_of lightrag-cache)"; chmod 750 "$(mountpoint_of lightrag-cache)"
  head -c 3000000 /dev/urandom >"$(mountpoint_of lightrag-data)/vectors"
  POLICY_LINES="keep_snapshots = { azure = 8, local = 2 }
export = true
health = { url = \"http://localhost:$HEALTH_PORT/health\", json = { status = \"healthy\" }, within = \"20s\" }
probe = { entities = [\"/usr/bin/$ENGINE\", \"exec\", \"lightrag_neo4j_1\", \"wc\", \"-l\", \"/kg/entities\"] }"
  stack_policy '"azure"' "$POLICY_LINES"
  for i in 1 2 3 4 5 6 7 8; do
    gate 'backupctl --backup lightrag' >"$out" 2>&1 || { fail "backup $i"; _indent "$out"; }
    sleep 1
  done
  pulls
  still_snapshot 1; older=$(there | tail -n 1); fingerprints >"$ROOT/before.1"
  still_snapshot 2; newer=$(there | tail -n 1); fingerprints >"$ROOT/before.2"
  check "$ENGINE: eleven snapshots were made, eight are kept" test "$(verified)" = 8
  check "… all of it Cool" test "$(tiers)" = Cool
  azure copy "azure:lightrag-backup/$newer" "$ROOT/pulled/$newer"
  check "the second machine has the newest too" pull_client --export lightrag --to "$ROOT/net" --keep 2

  # Lost.
  engine rm -f lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null
  cp /etc/backupctl/{policy.toml,azure.env} "$ROOT"/ && cp "$STATE/host.pub" "$ROOT/a.pub"
  host_b
  host install -m 600 "$ROOT/azure.env" /etc/backupctl/azure.env
  host install -m 644 "$ROOT/policy.toml" /etc/backupctl/policy.toml
  [ "$ENGINE" = docker ] && import_docker_image || import_image_b
  refused "the manifest of a host that is not trusted" azure "which this host does not trust"
  check_not "… no volume was made" eval 'engine volume ls --quiet | grep -q lightrag'
  host install -D -m 644 "$ROOT/a.pub" /etc/backupctl/trusted.d/a.pub

  # Containers that are made and not healthy: back to nothing, and nothing runs on empty volumes.
  up_script
  host sed -i "s|^grace = .*|&\nup = [\"$ROOT/stack/up\"]|; s|status = \"healthy\"|status = \"other\"|; s|within = \"20s\"|within = \"2s\"|" /etc/backupctl/policy.toml
  check_exit 69 "on a bare host, not healthy on what was restored: 69" backupctl --restore lightrag --yes
  check_says "… says that it is stopped, as before" "it is stopped: nothing of it ran before"
  check "… it is" stack_is exited
  check "… the volumes are empty" test -z "$(generations)"
  check "… no lease starts it" backupctl --status lightrag
  check_says "… says status too" "not stopped by the gate"
  engine rm -f lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null
  # An `up` that makes nothing.
  printf '#!/bin/sh\nexit 0\n' >"$ROOT/stack/up"
  check_exit 69 "an up that makes nothing: 69" backupctl --restore lightrag --yes
  check_says "… says what does not run" "does not run after controller.lightrag.up"
  host sed -i '/^up = /d; s|status = "other"|status = "healthy"|; s|within = "2s"|within = "20s"|' /etc/backupctl/policy.toml

  check_exit 69 "restored on a bare host, which has no containers: 69" backupctl --restore lightrag --yes
  check_says "… says what to run" "up -d"
  check_says "… and that it takes up there" "say the same --restore again"
  check "status knows" backupctl --status lightrag
  check_says "… that it was not seen to run" "not seen to run on it"
  fingerprints >"$ROOT/after"
  check_same "… every name, owner, mode, time, link and byte of all volumes" "$ROOT/before.2" "$ROOT/after"
  check_exit 69 "said again without them: 69" backupctl --restore lightrag --yes
  (stack_up)
  engine stop -t 2 lightrag_neo4j_1 >/dev/null
  check_exit 69 "said again while one does not run: 69" backupctl --restore lightrag --yes
  check_says "… says which" "lightrag_neo4j_1 does not run: start it"
  engine start lightrag_neo4j_1 >/dev/null
  check "the containers are made: the same again" backupctl --restore lightrag --yes
  check_says "… takes up" "taking up the restore"
  check_says "… is healthy" "healthy-after"
  check_says "… has the entities that it had" "probes as in the snapshot"
  check "… runs" stack_is running
  check "… this host has the snapshot now" test "$(host ls "$STATE/snapshots/lightrag" | grep -c "^$newer\$")" = 1
  check_exit 69 "another restore, with old volumes kept still: 69" backupctl --restore lightrag --yes
  check_says "… says what to decide" "--restore-commit lightrag"
  check "the old volumes are given up" backupctl --restore-commit lightrag

  # An older one over it, and back.
  write_in lightrag-data/since "made on host B"
  check "an older snapshot, from Azure" backupctl --restore lightrag --yes --snapshot-id "$older" --from azure
  check_says "… has the entities that it had then" "probes as in the snapshot"
  fingerprints >"$ROOT/after"
  check_same "… all volumes are of it" "$ROOT/before.1" "$ROOT/after"
  check_not "… and what was made since is aside" read_in lightrag-data/since
  check "rolled back" backupctl --restore-rollback lightrag
  check "… within seconds" test "$(sed -n 's/.*downtime \([0-9]*\)\..*/\1/p' "$out")" -lt 10
  check "… runs" stack_is running
  check "… with what was made since" test "$(read_in lightrag-data/since)" = "made on host B"
  check "… all volumes are of the newer one" test "$(generations)" = "2 "
  check_exit 69 "there is nothing to roll back to any more: 69" backupctl --restore-rollback lightrag
  check "what had been restored is given up" backupctl --restore-commit lightrag

  # Somebody else's container on the same volume would write into the old one.
  engine run -d --name other $(other_flags) -v lightrag-cache:/cache "$(image)" sh -c 'while :; do sleep 1; done' >/dev/null
  check_exit 69 "a container of somebody else's runs on a volume: 69" backupctl --restore lightrag --yes --snapshot-id "$older"
  check_says "… is named" "container other uses a volume of lightrag"
  check "… the stack runs again" stack_is running
  check "… on its own volumes" test "$(generations)" = "2 "
  engine rm -f other >/dev/null 2>&1

  # A probe that tells something else.
  host sed -i 's|"wc", "-l"|"wc", "-c"|' /etc/backupctl/policy.toml
  check_exit 65 "a probe prints something else: 65" backupctl --restore lightrag --yes --snapshot-id "$older"
  check_says "… tells both" "and printed"
  check "… it runs" stack_is running
  host sed -i 's|"wc", "-c"|"wc", "-l"|' /etc/backupctl/policy.toml
  check "… and goes back" backupctl --restore-rollback lightrag
  # A service that is not healthy on it.
  host sed -i 's|status = "healthy"|status = "other"|; s|within = "20s"|within = "2s"|' /etc/backupctl/policy.toml
  check_exit 69 "it is not healthy on what was restored: 69" backupctl --restore lightrag --yes --snapshot-id "$older"
  check_says "… the old volumes are back" "so the old files are in place again"
  check "… all of them" test "$(generations)" = "2 "
  host sed -i 's|status = "other"|status = "healthy"|; s|within = "2s"|within = "20s"|' /etc/backupctl/policy.toml
  backupctl --restore-commit lightrag >/dev/null 2>&1

  # What does not verify touches nothing.
  fingerprints >"$ROOT/before"; starts >"$ROOT/starts.before"
  from=$ROOT/hostile; cp -a "$ROOT/pulled" "$from"
  for i in "${VOLUMES[@]/%/.tar.gz}" MANIFEST.sha256; do
    flip "$from/$newer/$i"
    refused "one flipped bit in $i" "$from" "snapshot $newer"
    cp "$ROOT/pulled/$newer/$i" "$from/$newer/$i"
  done
  rm "$from/$newer/lightrag-cache.tar.gz"
  refused "a missing volume" "$from" "it is missing"
  cp "$ROOT/pulled/$newer/lightrag-cache.tar.gz" "$from/$newer"
  azure copyto "azure:lightrag-backup/$older/manifest.json" "$from/$newer/manifest.json"
  refused "an exchanged manifest" "$from" "it belongs to the archive $older"
  cp "$ROOT/pulled/$newer/manifest.json" "$from/$newer"
  sed -i 's/"members":/"members": /' "$from/$newer/manifest.json"
  refused "a changed manifest" "$from" "its signature is wrong"
  cp "$ROOT/pulled/$newer/manifest.json" "$from/$newer"
  cp -a "$from/$newer" "$from/20991231-235959"
  refused "an older snapshot under a newer name" "$from" "it belongs to the archive $newer"
  mkdir "$ROOT/empty"; refused "a folder without snapshots" "$ROOT/empty" "there is no snapshot"
  refused "a snapshot that is not there" azure "there is no snapshot 20010101-000000" 20010101-000000
  azure copy "azure:lightrag-backup/$newer/lightrag-kg.tar.gz" "$ROOT/blob"; flip "$ROOT/blob/lightrag-kg.tar.gz"
  azure copyto --ignore-times "$ROOT/blob/lightrag-kg.tar.gz" "azure:lightrag-backup/$newer/lightrag-kg.tar.gz"
  refused "one flipped bit of a blob in Azure" azure "is not what its signed manifest says"
  azure copyto --ignore-times "$ROOT/pulled/$newer/lightrag-kg.tar.gz" "azure:lightrag-backup/$newer/lightrag-kg.tar.gz"
  check_exit 78 "the policy has a volume that the snapshot has not: 78" eval \
    'host sed -i "s/\"lightrag-cache\", /\"lightrag-cache\", \"lightrag-more\", /" /etc/backupctl/policy.toml; backupctl --restore lightrag --yes'
  check_says "… says which" "has no volume lightrag-more"
  host sed -i 's/"lightrag-more", //' /etc/backupctl/policy.toml
  check_exit 64 "words for a tree: 64" backupctl --restore lightrag --yes --archive latest
  check_exit 64 "without --yes nothing is done: 64" backupctl --restore lightrag
  starts >"$ROOT/starts.after"
  check_same "nothing of it stopped the service" "$ROOT/starts.before" "$ROOT/starts.after"
  fingerprints >"$ROOT/after"
  check_same "… or touched a volume" "$ROOT/before" "$ROOT/after"
  check_not "… nothing is left" host bash -c "compgen -G '$STATE/spool/*' || compgen -G '$STATE/snapshots/lightrag/*.partial' || find '$(dirname "$(dirname "$(dirname "$(mountpoint_of lightrag-kg)")")")/.backupctl-staging' -name restore | grep ."

  # Killed at any moment: all volumes are of one snapshot, and the service runs (D6, S1).
  for ((i = 1; i <= ${MOVE_ROUNDS:-3}; i++)); do
    begin "$ROOT/killed" host $GATE --restore lightrag --yes --snapshot-id "$older"
    wait_for 60 grep -q 'stopping the service' "$ROOT/killed" || break
    sleep "$(awk -v n=$RANDOM 'BEGIN { print n / 32768 * 3 }')"
    pkill -9 -P $begun; wait $begun 2>/dev/null
    backupctl --start lightrag >"$out" 2>&1; backupctl --recover >>"$out" 2>&1
    stack_is running && [[ $(generations) =~ ^[12]\ $ ]] || { fail "killed, round $i: $(generations)"; _indent "$out"; }
    backupctl --restore-rollback lightrag >/dev/null 2>&1; backupctl --restore-commit lightrag >/dev/null 2>&1
    [ "$(generations)" = "2 " ] || fail "killed, round $i: not gone back"
  done
  check "killed $((i - 1)) times: all volumes old or all restored, and it runs" test $i -gt "${MOVE_ROUNDS:-3}"

  # With `up`, on a host that has the volumes but no containers.
  engine rm -f lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null
  up_script
  host sed -i "s|^grace = .*|&\nup = [\"$ROOT/stack/up\"]|" /etc/backupctl/policy.toml
  check "with an up in the policy, from a folder that was pulled" backupctl --restore lightrag --yes --from "$ROOT/net"
  check_says "… the containers are created" "creating the containers"
  check_says "… and healthy" "healthy-after"
  check_says "… the last line tells so, and of the probes" "probes as in the snapshot"
  check "… it runs" stack_is running
  check "a backup on the new host" backupctl --backup lightrag
  check "… verifies" backupctl --verify lightrag
  # X6: this host remembers a newer one than anybody shows.
  backupctl --restore-commit lightrag >/dev/null 2>&1
  host sed -i "s/^[0-9-]*/$(date -d '+2 days' +%F)/" "$STATE/history/lightrag"
  check_exit 65 "a newer one was committed here, and is hidden: 65" backupctl --restore lightrag --yes
  check_says "… says how to take this one all the same" "if it is to, name it"
  check "… it runs as before" stack_is running
  check "the journal verifies (X9)" backupctl --verify-journal
}
flip() { printf '\x01' | dd of="$1" bs=1 seek=60 conv=notrunc status=none; }
there() { azure lsf azure:lightrag-backup 2>/dev/null | grep -E '^[0-9]{8}-[0-9]{6}/$' | tr -d /; }
tiers() { azure lsjson -R azure:lightrag-backup | python3 -c 'import json, sys; print(",".join(sorted({f["Tier"] for f in json.load(sys.stdin) if not f["IsDir"]})))'; }
verified() { gate 'backupctl --list lightrag' 2>/dev/null | grep -c ' verified  azure$'; }

# pull: the second machine, which has a key and no rights.
pull_client() { pull_client_by /usr/bin "$@"; }
pull_client_by() {
  local path=$1; shift
  as_scheduler PATH="$path:/bin" BACKUP_HOST="backup_ops@127.0.0.1:$SSH_PORT" BACKUP_SSH_KEY="$ROOT/scheduler/key" BACKUP_KNOWN_HOSTS="$ROOT/scheduler/known_hosts" $CLIENT "$@"
}
pulls() {
  local newest
  start_ssh
  install -d -o scheduler -m 700 "$ROOT/net"
  check_exit 77 "without a client table no client may export: 77" ssh_gate 'backupctl --export lightrag'
  cat >>"$POLICY" <<'EOF'
[client.default]
services = ["*"]
actions = ["export", "list", "backup"]
EOF
  newest=$(ls "$STATE/snapshots/lightrag" | grep -E '^[0-9-]*$' | tail -n 1)
  check "plain ssh and tar" bash -c "$(declare -f ssh_gate as_scheduler); ROOT=$ROOT SSH_PORT=$SSH_PORT; mkdir $ROOT/plain; ssh_gate 'backupctl --export lightrag' | tar -xf - -C $ROOT/plain"
  check "… its checksums are good" bash -c "cd $ROOT/plain/$newest && sha256sum --quiet --strict -c MANIFEST.sha256"
  check_same "… the manifest is this host's" "$ROOT/plain/$newest/manifest.json" "$STATE/snapshots/lightrag/$newest/manifest.json"
  check "pulled" pull_client --export lightrag --to "$ROOT/net" --keep 2
  check_says "… verified" "every file as its checksum says"
  check "… as it is there" diff -r "$ROOT/net/$newest" "$STATE/snapshots/lightrag/$newest"
  check_exit 75 "again: it is here already, 75" pull_client --export lightrag --to "$ROOT/net"
  sleep 1; $GATE --backup lightrag >"$out" 2>&1 || { fail "a backup"; _indent "$out"; }
  newest=$(ls "$STATE/snapshots/lightrag" | grep -E '^[0-9-]*$' | tail -n 1)
  # Cut off within the first archive: what has come does not come again.
  mkdir "$ROOT/shim"; printf '#!/bin/sh\n/usr/bin/ssh "$@" | head -c 2000000\nexit 255\n' >"$ROOT/shim/ssh"; chmod 755 "$ROOT/shim/ssh"
  check_exit 69 "cut off: 69" pull_client_by "$ROOT/shim" --export lightrag --to "$ROOT/net" --keep 2
  check_not "… nothing looks complete" test -e "$ROOT/net/$newest"
  check "the next pull goes on" pull_client --export lightrag --to "$ROOT/net" --keep 2
  check_says "… where it was" "going on with snapshot $newest at 2000000 bytes"
  check "… as it is there" diff -r "$ROOT/net/$newest" "$STATE/snapshots/lightrag/$newest"
  check_not "… nothing is left of it" compgen -G "$ROOT/net/.*.partial"
  # One that lies on the remote alone.
  check "an older one, from the remote" pull_client --export lightrag --snapshot-id "$(there | sed -n 2p)" --to "$ROOT/net" --keep 2
  check_says "… the gate says from where" "from azure"
  check "… stays beside the two newest" test "$(ls "$ROOT/net" | wc -l)" = 3
  check_exit 65 "one that is not there: 65" pull_client --export lightrag --snapshot-id 20010101-000000 --to "$ROOT/net"
  check_exit 78 "a directory that is not there: 78" pull_client --export lightrag --to "$ROOT/nothing"
  check_exit 64 "an offset without its snapshot: 64" ssh_gate 'backupctl --export lightrag --offset 5'
  sed -i 's/^export = true/export = false/' "$POLICY"
  check_exit 77 "a service whose policy says no: 77" ssh_gate 'backupctl --export lightrag'
  sed -i 's/^export = false/export = true/' "$POLICY"
}
