#!/bin/bash
# D6, D7, D8, S1, S2: a restore in place of a running service, with a way back; broken off at any point the tree is the old or
# the restored one, never a mixture, and the host starts the service. RESTORE_ROUNDS (6) random kills, RESTORE_SEED repeats them.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
here=$E2E_SOURCE/tests/e2e
export LC_ALL=C.UTF-8
ROUNDS=${RESTORE_ROUNDS:-6} SEED=${RESTORE_SEED:-$$}

e2e_install
SERVICE=$(dirname "$DATA") STAGE=$(dirname "$DATA")/.backupctl-staging/vaultwarden/restore RECORD=$STATE/restores/vaultwarden
policy() {  # [LINE…] further lines of the service
  write_policy
  sed -i '/^min_up = /a max_down = "600s"\nidle_down = "3s"' $POLICY
  local line; for line; do sed -i "/^\[service.vaultwarden\]/a $line" $POLICY; done
}
policy
mkdir -p "$SERVICE"
start_webdav

# A service that writes, and ends a little after it finds a file that it cannot work with.
podman image exists $IMAGE 2>/dev/null || import_busybox_image $IMAGE
PODMAN_FLAGS=$(podman_flags $IMAGE)
run_service() {
  # shellcheck disable=SC2086  # the flags are words
  podman run -d --name vaultwarden $PODMAN_FLAGS -v "$DATA:/data" $IMAGE \
    sh -c 'trap "exit 0" TERM; while [ ! -e /data/poison ]; do echo alive >/data/heartbeat; sleep 1 & wait $!; done; sleep 2; exit 3' >/dev/null
}
restore() { $GATE --restore vaultwarden --yes "$@"; }
rollback() { $GATE --restore-rollback vaultwarden; }
commit() { $GATE --restore-commit vaultwarden; }
up() { is_running vaultwarden && [ ! -e $STATE/leases/vaultwarden ]; }
journal_says() { grep -q "$1" $STATE/journal/journal.jsonl; }

# A tree as find, sha256sum, getfattr and getfacl see it, but for what the running service writes, and what no archive holds.
not_ours=(. \( -path ./deep -o -path ./lost+found -o -path ./.backupctl-restore \) -prune -o -not -type s -not -type c -not -name heartbeat)
tree_of() {
  (cd "$1" || exit
   find "${not_ours[@]}" -printf '%p|%y|%m|%U:%G|%T@|%s|%n|%l\0' | sort -z | tr '\n\0' '?\n' | sed 's/^\(.*|d|[^|]*|[^|]*|[^|]*\)|[0-9]*|[0-9]*|/\1|||/'"${MOUNTED:+; /^\.|d|/s/|[0-9.]*||||*$/|/}"
   find "${not_ours[@]}" -type f -size -9M -print0 | sort -z | xargs -0 -r sha256sum
   find "${not_ours[@]}" -print0 | sort -z | xargs -0 getfattr -h -d -e hex -m '^(user|security)\.' --
   find "${not_ours[@]}" \( -type f -o -type d -o -type p \) -print0 | sort -z | xargs -0 getfacl -n -p -- ) 2>/dev/null
}
is_tree() { tree_of "$DATA" >"$ROOT/now"; cmp -s "$1" "$ROOT/now" || { diff "$1" "$ROOT/now" | head -20; return 1; }; }
is_old() { is_tree "$ROOT/old"; }
is_new() { is_tree "$ROOT/new"; }
is_old_or_new() { is_old >/dev/null || is_new; }
same_for_rsync() { [ -z "$(rsync -aHAXn --checksum --delete --itemize-changes --exclude /deep --exclude /sparse/huge --exclude heartbeat "$1/" "$2/" 2>&1 | grep -vE ' special/(socket|null)$|^\.d..t.* (special|\.)/$' | tee /dev/stderr)" ]; }

# What is backed up: everything that backups tend to lose.
"$here/odd_tree.py" "$DATA"
echo alive >"$DATA/heartbeat"
chown 65533:65533 "$DATA/owners/4"; chmod 1777 "$DATA/owners/4"; touch -d '2026-01-01 12:00' "$DATA/owners" "$DATA"
check "an archive is made" $GATE --archive vaultwarden
cp -a "$DATA" "$ROOT/as-archived" 2>/dev/null   # but for the deepest, which fidelity.sh compares
rm -f "$ROOT"/as-archived/special/{socket,null}
touch -d '2026-01-01 12:00' "$DATA" "$ROOT/as-archived"
tree_of "$DATA" >"$ROOT/new"
check "… of hundreds of entries" test "$(wc -l <"$ROOT/new")" -gt 500
# What it is like when it is restored: changed, with names that came and went.
change_tree() { echo changed >"$DATA/changed"; rm -rf "$DATA/names"; mkdir -p "$DATA/later/deeper"; echo later >"$DATA/later/deeper/file"; chmod 711 "$DATA"; setfattr -n user.later -v 1 "$DATA"; touch -d '2026-02-02 02:02' "$DATA"; }
change_tree
tree_of "$DATA" >"$ROOT/old"
check_not "… then the tree is another" is_new
run_service
wait_for 10 is_running vaultwarden

# What is refused.
check_exit 64 "without --yes and a terminal nothing is done" $GATE --restore vaultwarden
check_says "… it says what would be replaced" "$DATA would be replaced by the archive of the latest date"
check_exit 77 "over the gate it is refused" gate 'backupctl --restore vaultwarden --yes'
check_exit 65 "an archive that is not there" restore --archive 2001-01-01
check_exit 65 "--only of what the archive does not hold" restore --only no/such/file
check_says "… named as it was asked for" "the archive holds no no/such/file beneath data/"
check_exit 64 "--only with .." restore --only ../etc
check_exit 69 "nothing to put back" rollback
check_exit 75 "nothing to give up" commit
check "… the tree is as it was" is_old
check_not "… nothing is staged" test -e "$STAGE"
check "… and the service never stopped" test "$(podman inspect -f '{{.RestartCount}} {{.State.FinishedAt}}' vaultwarden | grep -c '0001')" = 1

# In place.
check "the latest archive is restored in place" restore
cp "$out" "$ROOT/said"
check_says "… with its downtime" "downtime"
check "… equal in content, owner, mode, times, attributes, lists, links" is_new
check "… and for rsync" same_for_rsync "$ROOT/as-archived" "$DATA"
check "… the service runs, without a lease" up
rm -f "$DATA/heartbeat"
check "… on the restored files" wait_for 5 test -e "$DATA/heartbeat"
check "… the old tree is kept" test -e "$STAGE/data/later/deeper/file"
check "… the exchange is in the journal" journal_says '"event":"restore".*exchanged: vaultwarden-'
check_exit 69 "a second restore while the old tree is kept" restore
check_says "… says what to do" "--restore-rollback vaultwarden"
check "--status says so" $GATE --status vaultwarden
check_says "… of the old files" "old files"
check "rollback" rollback
check "… the old tree is in place, as it was" is_old
check "… the service runs" up
check "… what had been restored is put aside" test -d "$STAGE/data/names"
check "commit gives it up" commit
check_not "… it is gone" test -e "$STAGE"
check "restored again" restore
check "commit" commit
check_not "… the old tree is gone" test -e "$STAGE"
check "… the restored one is in place" is_new
check_exit 69 "… and there is no way back" rollback

# A service that did not run is not started (S2).
change_tree; tree_of "$DATA" >"$ROOT/old"
podman stop -t 2 vaultwarden >/dev/null
check "a service that stands still is restored" restore
check "… and not started" is_stopped vaultwarden
check "… rolled back" rollback
check "… and not started" is_stopped vaultwarden
check "… to the old tree" is_old
podman start vaultwarden >/dev/null

# A nightly step that comes while the restored service is watched does not look like a service that cannot run.
commit >/dev/null
begin "$ROOT/restored" $GATE --restore vaultwarden --yes; pid=$begun
wait_for 60 grep -q 'watching the service' "$ROOT/restored"
check "a --stop that comes while the restored service is watched" $GATE --stop vaultwarden
check "… waits: the restore is not taken back" wait $pid
check "… start" $GATE --start vaultwarden
check "… on the restored tree" is_new
check "rolled back" rollback
check "… to the old tree" is_old

# Single paths.
check "--only with --to" $GATE --restore vaultwarden --only names --only attributes/odd --to "$ROOT/single"
(cd "$ROOT/single/data" && find . -mindepth 1 -maxdepth 1 | sort) >"$ROOT/got"; printf './attributes\n./names\n' >"$ROOT/want"
check_same "… gives these alone" "$ROOT/want" "$ROOT/got"
check "… as they were" same_for_rsync "$ROOT/as-archived/names" "$ROOT/single/data/names"
link=$(cd "$ROOT/as-archived" && find . -path ./deep -prune -o -type f -links +1 -printf '%P\n' | sort | tail -1)
check "a hard link without its first name" $GATE --restore vaultwarden --only "$link" --to "$ROOT/linked"
check_same "… has its content" "$ROOT/as-archived/$link" "$ROOT/linked/data/$link"
mv "$DATA/inherit" "$SERVICE/inherit"; echo x >"$DATA/inherit"
check_exit 69 "--only beneath what is a file in the tree" restore --only inherit/below
rm "$DATA/inherit"; mv "$SERVICE/inherit" "$DATA/inherit"
rm -rf "$DATA/inherit"; tree_of "$DATA" >"$ROOT/old"
check "--only in place: a file, a directory, one whose directory is missing" restore --only names --only links/first --only inherit/below
check "… the directory is back" same_for_rsync "$ROOT/as-archived/names" "$DATA/names"
check "… the missing one, with the one above it" test -d "$DATA/inherit/below"
check "… what was not named stays" test "$(cat "$DATA/changed")" = changed
echo 'written since' >"$DATA/links/first.new"; mv "$DATA/links/first.new" "$DATA/links/first"   # as programs replace their files
check "… rolled back" rollback
tree_of "$DATA" >"$ROOT/now"; sed -i '/^\.|d|/d; /^\.\/links|d|/d' "$ROOT/now" "$ROOT/old"   # their times changed with their names
check_same "… to the old tree" "$ROOT/old" "$ROOT/now"

# It does not run on what was restored: back by itself.
commit >/dev/null 2>&1
touch "$DATA/poison"; podman stop -t 2 vaultwarden >/dev/null
check "an archive that the service cannot work with" $GATE --archive vaultwarden --replace
rm "$DATA/poison"; podman start vaultwarden >/dev/null
touch -d '2026-02-02 02:02' "$DATA"; tree_of "$DATA" >"$ROOT/old"
check_exit 69 "restored, the service starts and ends two seconds later" restore
check_says "… says that it went back" "the old files are in place again, and it runs as before"
check "… the old tree is in place" is_old
check "… the service runs" up
check_not "… nothing is left" test -e "$STAGE" -o -e $RECORD

# No room: the service never stops (D8). Another file system: refused.
stopped_at() { podman inspect -f '{{.State.FinishedAt}}' vaultwarden; }
mkdir -p "$ROOT/elsewhere"; mount -t tmpfs -o mode=755 none "$ROOT/elsewhere"
policy "staging = \"$ROOT/elsewhere/staging\""
before=$(stopped_at)
check_exit 78 "staging on another file system" restore
check_says "… says so" "lies on another file system"
check "… the service never stopped" test "$before" = "$(stopped_at)"
umount "$ROOT/elsewhere"
policy

# Killed at exactly these points: before and after the exchange, the records, the way back.
podman stop -t 2 vaultwarden >/dev/null
check "an archive that it can work with" $GATE --archive vaultwarden --replace
tree_of "$DATA" >"$ROOT/new"
change_tree; tree_of "$DATA" >"$ROOT/old"
podman start vaultwarden >/dev/null
killed_at() { (strace -qq -o /dev/null -e trace="${1%:*}" -e inject="${1%:*}:signal=SIGKILL:when=${1#*:}" "${@:2}" >"$ROOT/said" 2>&1; true) 2>/dev/null; }
if command -v strace >/dev/null; then
  for point in rename:1 renameat2:1 syncfs:1 rename:2 rename:3; do
    killed_at $point $GATE --restore vaultwarden --yes
    check "killed at $point: the tree is the old or the restored one" is_old_or_new
    check "… the service comes back" wait_for 60 up
    check "… the tree is the old or the restored one" is_old_or_new
    check "… restored again" restore
    check "… it is the restored one" is_new
    killed_at $point $GATE --restore-rollback vaultwarden
    check "the way back killed at $point: the old or the restored one" is_old_or_new
    check "… the service comes back" wait_for 60 up
    [ ! -e $RECORD ] || check "… rolled back again" rollback
    check "… to the old tree" is_old
    check "… the service runs" up
  done
  commit >/dev/null 2>&1
  strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_enter=3000000:when=1 $GATE --restore vaultwarden --yes >"$ROOT/said" 2>&1 & pid=$!
  wait_for 60 is_stopped vaultwarden; sleep 0.5; podman start vaultwarden >/dev/null
  wait $pid; status=$?
  check "started by something else while its files change places: 69" test $status = 69
  check "… which is said" grep -q 'something else started vaultwarden while its files changed places' "$ROOT/said"
  check "… the old tree is in place" is_old
  check "… the service runs" up
else
  skip "killed at exact points" "no strace"
fi

# rounds NUMBER: killed at random.
rounds() {
  local round began length gate state
  began=$(date +%s%N); restore >/dev/null 2>&1; length=$((($(date +%s%N) - began) / 1000000)); rollback >/dev/null 2>&1
  for ((round = 1; round <= $1; round++)); do
    begin "$ROOT/said" $GATE --restore vaultwarden --yes; gate=$begun
    if ((round % 2)); then
      sleep "$(awk -v m=$((RANDOM * length / 32768)) 'BEGIN { print m / 1000 }')"
    else
      wait_for 60 grep -q 'stopping the service' "$ROOT/said"
      sleep "$(awk -v m=$((RANDOM * 1200 / 32768)) 'BEGIN { print m / 1000 }')"
    fi
    kill -9 $gate 2>/dev/null; wait $gate 2>/dev/null
    [ "${MOUNTED:-}" ] || is_old_or_new >"$ROOT/mixed" || fail "round $round: the tree is a mixture" "$(head -5 "$ROOT/mixed")"
    wait_for 60 up || fail "round $round: the service did not come back"
    if is_old >/dev/null; then state=old; elif is_new >"$ROOT/mixed"; then state=restored; else state=mixed; fail "round $round: the tree is a mixture" "$(head -5 "$ROOT/mixed")"; fi
    echo "# round $round: $state, after: $(tail -1 "$ROOT/said" | cut -c1-100)"
    if ((round % 4 == 0)); then
      restore >"$ROOT/said" 2>&1 || fail "round $round: restored again" "$(tail -2 "$ROOT/said")"
      is_new >"$ROOT/mixed" || fail "round $round: restored again, but not what was archived" "$(head -5 "$ROOT/mixed")"
    fi
    [ ! -e $RECORD ] || rollback >"$ROOT/said" 2>&1 || fail "round $round: rolled back" "$(tail -2 "$ROOT/said")"
    is_old >"$ROOT/mixed" || fail "round $round: not the old tree" "$(head -5 "$ROOT/mixed")"
  done
}
RANDOM=$SEED
failed=$E2E_FAILED
echo "# seed $SEED, $ROUNDS rounds"
rounds $ROUNDS
check "killed $ROUNDS times at random (RESTORE_SEED=$SEED): old or restored, never mixed; always running again" test $failed = $E2E_FAILED

# A tree that is a mount point: name by name, with the record to go back by.
podman stop -t 2 vaultwarden >/dev/null
commit >/dev/null 2>&1
truncate -s 256M "$ROOT/disk.img"; mkfs.ext4 -q "$ROOT/disk.img"
on_clean() { umount -l "$DATA" 2>/dev/null; umount -l "$ROOT/elsewhere" 2>/dev/null; }
if mount -o loop "$ROOT/disk.img" "$DATA" 2>/dev/null; then
  MOUNTED=1 STAGE=$DATA/.backupctl-restore
  cp -a "$ROOT/as-archived/." "$DATA/"
  check "a mount point: an archive of it" $GATE --archive vaultwarden --replace
  tree_of "$DATA" >"$ROOT/new"
  change_tree; tree_of "$DATA" >"$ROOT/old"
  podman start vaultwarden >/dev/null
  before=$(stopped_at)
  head -c 1G /dev/zero >"$DATA/filler" 2>/dev/null; truncate -s -100K "$DATA/filler"
  check_exit 74 "no room" restore
  check_exit 74 "no room, found while it is written" restore --only sparse --only owners --only names --only attributes
  check_not "… nothing is left" test -e "$STAGE"
  rm "$DATA/filler"; touch -d '2026-02-02 02:02' "$DATA"
  check "… the service never stopped" test "$before" = "$(stopped_at)"
  check "… the tree is as it was" is_old
  check "restored" restore
  check "… as it was archived" is_new
  check "… the old content is kept" test -e "$STAGE/data/later/deeper/file"
  check "… which no archive holds" $GATE --stop vaultwarden
  check "… (an archive)" $GATE --archive vaultwarden --replace
  check_not "… (its list)" grep -qF 'later/deeper' "$CLOUD/OdroidBackup/vaultwarden/archives/vaultwarden-$(date +%F).tar.gz.manifest.json"
  check "… start" $GATE --start vaultwarden
  echo since >"$DATA/since"
  check "rolled back" rollback
  check "… to the old content" is_old
  check "… what came since is put aside" test -e "$STAGE/data/since"
  check "commit" commit
  check_not "… gives it up" test -e "$STAGE"
  if command -v strace >/dev/null; then
    for point in renameat2:1 renameat2:5 syncfs:1 rename:2; do
      killed_at $point $GATE --restore vaultwarden --yes
      [ $point != renameat2:5 ] || check_not "in the middle it is a mixture" is_old_or_new
      [ $point != renameat2:5 ] || $GATE --archive vaultwarden >/dev/null 2>&1
      [ $point != renameat2:5 ] || check "… and no more once a step has begun" is_old_or_new
      check "killed at $point: the service comes back" wait_for 60 up
      check "… on the old or the restored tree" is_old_or_new
      [ ! -e $RECORD ] || rollback >/dev/null 2>&1
    done
    policy; sed -i 's/^max_down = .*/max_down = "4s"/; s/^idle_down = .*/idle_down = "600s"/' $POLICY
    killed_at renameat2:7 $GATE --restore vaultwarden --yes
    kill -9 $(pgrep --ns $$ --nslist mnt -f -- '--guardian vaultwarden$')
    sleep 5; echo 'this is no policy' >$POLICY
    check_not "killed in the middle, the guardian too: a mixture" is_old_or_new
    check "one --recover, whatever the policy" $GATE --recover
    check "… the service runs" up
    check "… on the old tree" is_old
    policy; sed -i 's/^max_down = .*/max_down = "4s"/; s/^idle_down = .*/idle_down = "600s"/' $POLICY
    killed_at renameat2:7 $GATE --restore vaultwarden --yes
    kill -9 $(pgrep --ns $$ --nslist mnt -f -- '--guardian vaultwarden$')
    podman start vaultwarden >/dev/null
    check_not "killed in the middle, and started by others as at boot: it runs on a mixture" is_old_or_new
    check "what runs early in a boot" $GATE --recover --files
    check_not "… stops it first" is_running vaultwarden
    check "… leaves the old tree" is_old
    check "… and the lease" test -e $STATE/leases/vaultwarden
    check "… which --recover ends" $GATE --recover
    check "… the service runs" wait_for 20 up
    killed_at renameat2:7 $GATE --restore vaultwarden --yes
    kill -9 $(pgrep --ns $$ --nslist mnt -f -- '--guardian vaultwarden$')
    printf '#!/bin/sh\necho "database is locked" >&2\nexit 125\n' >"$ROOT/podman"; chmod 755 "$ROOT/podman"   # podman(1), "Exit Codes"
    mount --bind "$ROOT/podman" /usr/bin/podman
    check_exit 69 "what cannot be asked whether it runs is not undone beneath it" $GATE --recover --files
    check_not "… it stays a mixture" is_old_or_new
    python3 - $STATE/leases/vaultwarden <<'PY'
import hashlib, re, sys
text = open(sys.argv[1]).read()
body = re.sub(r'(?m)^boot .*$', 'boot 00000000-0000-0000-0000-000000000000', text[:text.rindex('sha256')])
open(sys.argv[1], 'w').write(body + 'sha256 ' + hashlib.sha256(body.encode()).hexdigest() + '\n')
PY
    check "… but early in the next boot, when nothing runs yet" $GATE --recover --files
    check "… the old tree" is_old
    umount /usr/bin/podman
    check "… and then the start" $GATE --recover
    check "… the service runs" wait_for 20 up
    policy
  fi
  failed=$E2E_FAILED
  rounds $(((ROUNDS + 2) / 3))
  check "a mount point, killed at random: old or restored, never mixed; always running again" test $failed = $E2E_FAILED
else
  skip "a tree that is a mount point" "no loop device"
fi

check "the journal verifies (X9)" $GATE --verify-journal
wait_for 20 up
e2e_end
