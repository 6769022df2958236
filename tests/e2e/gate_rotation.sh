#!/bin/bash
# D5 through the gate itself: the real rclone in its cage renews an OneDrive token that rotates on every use, and the gate carries
# it back; also when the gate is killed between the rotation and the carry-back. The Graph host is out of reach here, so each
# run fails after it has renewed: the token must survive that, and the failure must be said.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
mkdir -p "$ROOT/plain"; echo plain >"$ROOT/plain/file"
write_policy - <<EOF
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"]
EOF
start_token_server
(umask 077; { echo '# the family account'; rotating_remote onedrive; } >"$CONF")
start_ssh

without_token >"$ROOT/want"
intact() {
  check "$1: rclone.conf holds the newest token" latest
  without_token >"$ROOT/got"; check_same "$1: every other byte of it is as it was" "$ROOT/want" "$ROOT/got"
  check "$1: it is root's alone" test "$(stat -c '%U %a' "$CONF")" = "root 600"
  check "$1: the endpoint saw no old token" not_locked_out
}

check_exit 69 "a run whose remote is out of reach ends 69" ssh_gate 'backupctl --sync plain --timeout 120'
check "… after it has renewed the token" test "$(rotations)" -gt 0
intact "after a run"

# The gate is stopped (so that it cannot carry) once rclone runs, and killed when rclone has renewed and saved.
before=$(rotations)
SSH_ORIGINAL_COMMAND='backupctl --sync plain' $GATE --ssh-gate >"$ROOT/killed" 2>&1 & gate=$!
rclone_of() { local child; for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do [ "$(cat "/proc/$child/comm" 2>/dev/null)" != rclone ] || echo "$child"; done; }
for ((i = 0; i < 2000; i++)); do child=$(rclone_of $gate); [ -z "$child" ] || break; done
kill -STOP $gate
renewed() { [ "$(rotations)" -gt "$before" ]; }
check "the gate is stopped, and rclone renews the token" wait_for 20 renewed
saved() { grep -q "refresh-$(rotations)" $STATE/vault/copies/onedrive/rclone.conf 2>/dev/null; }
# Held fast when what the endpoint gave last is saved: killed in the middle of yet another renewal it could save nothing.
held_saved() {
  kill -STOP "$child"; sleep 0.3
  saved && return
  kill -CONT "$child"; return 1
}
check "… and saves it in its private copy" wait_for 20 held_saved
check_not "… which the root-owned file does not have (control)" latest
kill -KILL $gate; wait $gate 2>/dev/null
check_exit 69 "the next run ends 69 as before" ssh_gate 'backupctl --sync plain --timeout 120'
check_says "… and says that it saved what the killed one had renewed" "had renewed was saved"
intact "after the kill"
check "no copy is left behind" test -z "$(ls -A $STATE/vault/copies)"
check_not "no token in the state directory (X10)" grep -rqE 'access-|refresh-' $STATE
check "the journal verifies" $GATE --verify-journal
e2e_end
