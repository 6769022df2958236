#!/bin/bash
# Bad input and failure: each ends with its exit code and one clear line, and leaves service and data as they were.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
fault_policy() { fault_policy_text "$@" | write_policy -; }
fault_policy_text() {
  cat <<EOF
$(vaultwarden_policy)
[controller.stubborn]
kind = "podman"
containers = ["stubborn"]
grace = "${1:-2s}"
[service.stubborn]
controller = "stubborn"
path = "$ROOT/stubborn"
remotes = ["onedrive"]
consistency = "cold"
[controller.slow]
kind = "podman"
containers = ["slow"]
grace = "${1:-2s}"
[service.slow]
controller = "slow"
path = "$ROOT/slow"
remotes = ["onedrive"]
consistency = "cold"
[service.gone]
path = "$ROOT/does-not-exist"
remotes = ["onedrive"]
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"] # plain
[service.mounts]
path = "$ROOT/mounts"
remotes = ["disk"]
exclude = [${2:-}]
[service.both]
path = "$ROOT/both"
remotes = ["onedrive", "disk"]
EOF
}
fault_policy
make_data
mkdir -p "$ROOT"/{stubborn,slow,plain,both,mounts/a/b,mounts/c}; echo plain | tee "$ROOT/plain/file" >"$ROOT/both/file"
start_webdav
start_ssh
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"
MIRROR=$CLOUD/OdroidBackup
SYNC='backupctl --sync vaultwarden'

# Processes of the gate under test: by the program's inode, and by the uids of this test's workers.
gate_processes() {
  local process uid
  for process in /proc/[0-9]*; do
    # A guardian stays as long as its service is stopped.
    [ "$process/exe" -ef $GATE ] && ! grep -qza -e --guardian "$process/cmdline" && return 0
    uid=$(awk '/^Uid:/ { print $2 }' "$process/status" 2>/dev/null)
    [ "${uid:-0}" -ge $E2E_WORKER_UIDS ] && [ "$uid" -lt $((E2E_WORKER_UIDS + 256)) ] && return 0
  done
  return 1
}
no_gate_processes() { ! gate_processes; }

errors_of() { { ssh_gate "$1" >/dev/null; } 2>&1; }
# unchanged CODE TITLE REQUEST: ends with CODE and one line on standard error; remote and container are as before.
unchanged() {
  local code=$1 title=$2 request=$3 before after state
  before=$(fingerprint "$MIRROR" | sha256sum); state=$(podman inspect -f '{{.State.Status}}' vaultwarden)
  check_exit "$code" "$title: $code" errors_of "$request"
  check "… says it in one line" test "$(grep -c . "$out")" = 1
  after=$(fingerprint "$MIRROR" | sha256sum)
  check "… remote and service are as before" test "$before $state" = "$after $(podman inspect -f '{{.State.Status}}' vaultwarden)"
}

# A first mirror, so that there is something to lose.
check "stop" ssh_gate 'backupctl --stop vaultwarden'
check "sync" ssh_gate "$SYNC"
check "start" ssh_gate 'backupctl --start vaultwarden'

# Requests that are none, or not allowed.
unchanged 64 "no request at all" 'ls'
unchanged 77 "a name nobody knows" 'backupctl --sync nobody'
unchanged 77 "another path" 'backupctl --sync vaultwarden --path /etc --remote onedrive:/OdroidBackup'
unchanged 77 "another remote" 'backupctl --sync vaultwarden --remote onedrive:/Elsewhere'
unchanged 77 "a restore" 'backupctl --restore vaultwarden'
unchanged 69 "a sync of a running cold service" "$SYNC"
unchanged 69 "an archive of a running cold service" 'backupctl --archive vaultwarden'
unchanged 78 "a tree that does not exist" 'backupctl --sync gone'

# The policy file (X7).
cp -p $POLICY "$ROOT/policy.good"
good_policy() { cp -p "$ROOT/policy.good" $POLICY; }
echo 'frobnicate = true' >>$POLICY
unchanged 78 "an unknown key in the policy" "$SYNC"
check_exit 78 "… --check-policy names it" $GATE --check-policy
check_says "… with its line" "$(grep -c '' $POLICY)"
good_policy; chmod 664 $POLICY
unchanged 78 "a policy that a group can write" "$SYNC"
good_policy; chown scheduler $POLICY
unchanged 78 "a policy that is not root's" "$SYNC"
rm $POLICY
unchanged 78 "no policy" "$SYNC"
good_policy; chmod 777 /etc/backupctl
unchanged 78 "a policy in a directory that others can write" "$SYNC"
chmod 755 /etc/backupctl
good_policy

# The credentials.
check "stop" ssh_gate 'backupctl --stop vaultwarden'
mv /etc/backupctl/rclone.conf "$ROOT/rclone.good"
unchanged 78 "no rclone.conf" "$SYNC"
install -m 644 "$ROOT/rclone.good" /etc/backupctl/rclone.conf
unchanged 78 "an rclone.conf that everybody can read" "$SYNC"
install -m 600 -o scheduler "$ROOT/rclone.good" /etc/backupctl/rclone.conf
unchanged 78 "an rclone.conf that is not root's" "$SYNC"
install -m 600 "$ROOT/rclone.good" /etc/backupctl/rclone.conf

# A mount point in the tree is not read: that is told, unless the policy leaves it out (D2).
for dir in a/b c; do mount -t tmpfs none "$ROOT/mounts/$dir"; done
check_exit 74 "a tree with mount points: 74" ssh_gate 'backupctl --sync mounts'
fault_policy 2s '"/a/**"'
check_exit 74 "… one of them excluded: 74" ssh_gate 'backupctl --sync mounts'
check_says "… names the other" "$ROOT/mounts/c is a mount point"
fault_policy 2s '"/a/**", "/c/**"'
check "… both excluded: 0" ssh_gate 'backupctl --sync mounts'
umount "$ROOT/mounts/a/b" "$ROOT/mounts/c"
fault_policy

# A remote that is down, and one that hangs.
stop_webdav
check_exit 69 "a remote that is down: 69" ssh_gate "$SYNC"
check_exit 69 "a service with two remotes, the first down: 69" ssh_gate 'backupctl --sync both'
check_says "… says which was served" 'served were disk'
check_same "… and it was" "$ROOT/both/file" "$ROOT/disk/both/data/file"
rm -r "$ROOT/disk/both"
start_webdav
hang() { kill -STOP "$(cat "$ROOT/pids/webdav")"; }
resume() { kill -CONT "$(cat "$ROOT/pids/webdav")"; }
hang
check_exit 124 "a remote that hangs, and --timeout 3: 124" ssh_gate "$SYNC --timeout 3"
check_exit 124 "… no other remote is begun when the time is over" ssh_gate 'backupctl --sync both --timeout 3'
check_not "… nothing was sent" test -e "$ROOT/disk/both"
check "… nothing of the gate is left" wait_for 10 no_gate_processes

# Slots: who comes second waits, and --status never does (S4).
ssh_gate "$SYNC --timeout 12" >"$ROOT/first" 2>&1 &
first=$!
wait_for 5 gate_processes; sleep 1
check "--status answers while a step runs" timeout 3 env -i SSH_ORIGINAL_COMMAND='backupctl --status' $GATE --ssh-gate
check_exit 124 "a second step queues until its own --timeout" ssh_gate 'backupctl --sync plain --timeout 2'
wait $first

# A client that is gone: its step ends, and the next one is served.
ssh_gate "$SYNC --timeout 600" >"$ROOT/first" 2>&1 &
first=$!
wait_for 5 gate_processes; sleep 1
kill -9 "$(pgrep -P $first ssh || echo $first)" 2>/dev/null
wait $first 2>/dev/null
check "a client that is gone: its step ends" wait_for 60 no_gate_processes
resume
check "… and the next one is served" ssh_gate "$SYNC"
check "start" ssh_gate 'backupctl --start vaultwarden'
check "… the container runs" is_running vaultwarden

# A client that reads nothing, and one that is gone before its start begins (S1, S5).
mkfifo "$ROOT/deaf"; exec 9<>"$ROOT/deaf"
timeout 1 cat /dev/zero >&9
deaf() { timeout 60 env -i SSH_ORIGINAL_COMMAND="$1" $GATE --ssh-gate >&9; }
check "a client that reads nothing holds up no step" deaf 'backupctl --archive plain'
exec 9>&-
check "stop" ssh_gate 'backupctl --stop vaultwarden'
gate 'backupctl --start vaultwarden' 2>/dev/null | true
check "a start whose client is gone starts all the same" is_running vaultwarden
check_not "… and ends the lease" test -e $STATE/leases/vaultwarden

# A live file that grows while it is read: the archive is a backup that restores.
rm -rf "$MIRROR/plain/archives"
head -c 60000000 /dev/zero >"$ROOT/plain/log"
(for ((i = 0; i < 3000; i++)); do echo "$i" >>"$ROOT/plain/log"; sleep 0.01; done) & writer=$!
check "a hot archive of a growing file" $GATE --archive plain
kill $writer 2>/dev/null; wait $writer 2>/dev/null
check "… restores" $GATE --restore plain --archive latest --to "$ROOT/restored-plain"
check "… with the file" test -s "$ROOT/restored-plain/data/log"

# One of two remotes is down: the other gets its copy, and the fault is told.
rm -rf "$MIRROR/plain/archives"
(umask 077; printf '[dead]\ntype = webdav\nurl = http://127.0.0.1:1\nvendor = other\n' >>/etc/backupctl/rclone.conf)
{ fault_policy_text 60s; printf '[remote.dead]\nroot = "/x"\n'; } | sed 's/^remotes = \["onedrive"\] # plain$/remotes = ["dead", "onedrive"]/' | write_policy -
check_exit 69 "one of two remotes is down: 69" ssh_gate 'backupctl --archive plain'
check_says "… and the other is named" "served were onedrive"
check "… where the archive is" ls "$MIRROR"/plain/archives/plain-*.manifest.json
fault_policy

# A container that does not stop.
run_container stubborn "$ROOT/stubborn" stubborn
check_exit 69 "a container that ignores its stop signal: 69" ssh_gate 'backupctl --stop stubborn'
check "… it was left running" is_running stubborn
run_container slow "$ROOT/slow" slow
check_exit 69 "a container that does not stop in its grace: 69" ssh_gate 'backupctl --stop slow'
check "… it was started again" is_running slow
check_not "… and no lease is left" test -e $STATE/leases/slow
fault_policy 60s
check_exit 124 "… and --timeout 2 before its grace is over: 124" ssh_gate 'backupctl --stop slow --timeout 2'
check "… it runs" is_running slow

check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
