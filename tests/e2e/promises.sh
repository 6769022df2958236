#!/bin/bash
# Promises that show only when something happens behind the gate's back while a step runs: each step here meets it half way.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
{ vaultwarden_policy '"vaultwarden", "idle"'; cat <<EOF
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"]
EOF
} | write_policy -
make_data
mkdir -p "$ROOT"/{plain,idle}; echo plain >"$ROOT/plain/file"
start_webdav
ARCHIVES=$CLOUD/OdroidBackup/vaultwarden/archives PLAIN=$CLOUD/OdroidBackup/plain/archives
JOURNAL=$STATE/journal/journal.jsonl
today=$(date +%F)
run_container idle "$ROOT/idle"
podman stop -t 2 idle >/dev/null
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"

spool_is_empty() { [ -z "$(ls -A $STATE/spool)" ]; }
spool_fills() { compgen -G "$STATE/spool/*/archive" >/dev/null; }

# A remote that does not keep what it was given (D1).
spoil() { while :; do for file in "$PLAIN"/*.tar.gz.partial; do printf X | dd of="$file" conv=notrunc,nocreat; done; sleep 0.01; done 2>/dev/null; }
head -c 20000000 /dev/urandom >"$ROOT/plain/large"
spoil & spoiler=$!
check_exit 65 "a remote that changes what it was sent: 65" gate 'backupctl --archive plain'
kill $spoiler; wait $spoiler 2>/dev/null
check "… nothing of it is left there (D1)" test -z "$(ls -A "$PLAIN")"
check "… nor in the spool (D8)" spool_is_empty
check "… and when it keeps it, the archive is made" gate 'backupctl --archive plain'
check "… and the spool is empty again (D8)" spool_is_empty

# Only what ran is started (S2).
check "stop a service of which one container did not run" gate 'backupctl --stop vaultwarden'
check "start it" gate 'backupctl --start vaultwarden'
check "… what ran runs" is_running vaultwarden
check "… what did not run does not (S2)" is_stopped idle

# A service that somebody starts while it is read, and that stands still again at the end.
check "stop" gate 'backupctl --stop vaultwarden'
head -c 120000000 /dev/urandom >"$DATA/large"
gate 'backupctl --archive vaultwarden' >"$ROOT/said" 2>&1 & step=$!
wait_for 20 spool_fills
check "a request is in the journal while it runs (X9)" bash -c "tail -n 1 $JOURNAL | grep -F '\"event\":\"request\"' | grep -F -e '--archive vaultwarden'"
podman start vaultwarden >/dev/null; podman stop -t 2 vaultwarden >/dev/null
wait $step; code=$?
cp "$ROOT/said" "$out"
check "a service that is started while it is read: 69" test $code = 69
check_same "… and the reason is told" <(grep -o 'the service was started while it was read' "$ROOT/said") <(echo 'the service was started while it was read')
check_not "… nothing was sent" compgen -G "$ARCHIVES/*"

check "one that stands still is archived" gate 'backupctl --archive vaultwarden'
check "… and lies alone there" test "$(ls "$ARCHIVES" | wc -l)" = 3
check "start" gate 'backupctl --start vaultwarden'
check "… the container runs" is_running vaultwarden

check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
