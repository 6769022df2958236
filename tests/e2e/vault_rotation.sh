#!/bin/bash
# D5 with the real rclone: an OneDrive remote whose tokens expire at once and rotate on every use, at a token endpoint that
# locks the owner out when it sees an old one. rclone renews, saves, and then fails at the Graph host (there is no network):
# that failure is expected, the token must survive it.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

tool=$E2E_BUILD/gate/vault/vault_tool
CONF=$ROOT/rclone.conf state=$ROOT/state
mkdir -m 700 "$state"; mkdir "$ROOT/config"
start_token_server

write_conf() {     # as an owner keeps it, with comments, another remote, and CRLF
  (umask 077; cat >"$CONF") <<EOF
# my remotes
[minio]
type = s3
secret_access_key = hush

$(rotating_remote onedrive | sed 's/^type = onedrive$/type=onedrive\n; the family account/')

[safe]
type = crypt
remote = onedrive:safe
EOF
  sed -i 's/^drive_id = d$/&\r/' "$CONF"
  without_token >"$ROOT/want"
}
loan() { "$tool" "$state" "$CONF" "$1" 1879048200 "$ROOT/config" "${@:2}"; }
renew=(/usr/bin/rclone lsf --retries 1 --low-level-retries 2 --contimeout 2s)
intact() { check "$1: the root-owned file holds the newest token" latest
  without_token >"$ROOT/got"; check_same "$1: every other byte of it is as it was" "$ROOT/want" "$ROOT/got"
  check "$1: the endpoint saw no old token" not_locked_out; }

write_conf

# rclone lives on after it has renewed: a shell keeps the child alive, and the token must be in the file before that ends.
loan onedrive carry /bin/sh -c "${renew[*]} onedrive:; sleep 4" >"$out" 2>&1 & pid=$!
check "a renewed token is carried while the child still runs" wait_for 3 latest
check "… and the child did still run" kill -0 $pid
wait $pid
check "something was renewed" test "$(rotations)" -gt 0
intact "after a run"

before=$(rotations)
check_exit 1 "a second run renews with what was carried, and fails at the Graph host" loan onedrive carry "${renew[@]}" onedrive:
check "… more was renewed" test "$(rotations)" -gt "$before"
intact "after a second run"
check_exit 1 "through a crypt remote" loan safe carry "${renew[@]}" safe:
intact "through a crypt remote"

before=$(rotations)
check_exit 137 "the gate is killed between rotation and carry-back" loan onedrive die "${renew[@]}" onedrive:
check "… a token was renewed" test "$(rotations)" -gt "$before"
check_not "… and the root-owned file does not have it (control)" latest
check_exit 1 "the next run finds it, by way of another remote with the same credential" loan safe carry "${renew[@]}" safe:
check_says "… and says so" "a token of onedrive that a crashed run had renewed was saved"
intact "after the crash"

check "no copy is left behind" test -z "$(ls -A "$state/vault/copies")"
check_not "no token in ledgers, locks or parked files" grep -rqE 'access-|refresh-' "$state"

# Control: with an old copy put back the endpoint does lock out, so the checks above could have failed.
write_conf
loan onedrive carry "${renew[@]}" onedrive: >"$out" 2>&1
check_not "control: an old token put back is refused by the endpoint" not_locked_out
e2e_end
