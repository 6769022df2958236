#!/bin/bash
# The newcomer's command, twice in a row, and undone; beside an installation in use, which it must not touch.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
private_dir /opt
export QUICKSTART_NAME=backupctl-e2e-quickstart
quickstart=$E2E_SOURCE/deploy/quickstart.sh
on_clean() { "$quickstart" --undo >/dev/null 2>&1; }

e2e_install                   # the installation in use
write_policy
in_use() { fingerprint /usr/local /home /etc/backupctl /etc/sudoers.d/backupctl "$STATE"; }
in_use >"$ROOT/before"
getent passwd >"$ROOT/accounts"

check "the quickstart works on a machine that never saw it" timeout 300 "$quickstart"
check_says "… restores and compares" "find no difference"
check "… twice in a row" timeout 300 "$quickstart"
check_says "… and explains why the second archive was skipped" '75, "skipped"'
check "what it says to try next works" "/opt/$QUICKSTART_NAME/try" --list demo
check "undo" "$quickstart" --undo
check "… the prefix is gone" test ! -e "/opt/$QUICKSTART_NAME"
check "… the container is gone" test -z "$(podman ps -aq)"
check "… the image is gone" test -z "$(podman images -q)"
check_same "… the accounts are as before" "$ROOT/accounts" <(getent passwd)
check "undo again finds nothing to do" "$quickstart" --undo
in_use >"$ROOT/after"
check_same "the installation in use was never touched" "$ROOT/before" "$ROOT/after"
e2e_end
