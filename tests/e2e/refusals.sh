#!/bin/bash
# Every hostile line of tests/attack/requests.txt is refused with its code, and leaves no trace but the journal entry (X1, X2).
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
sed "s/^worker_uids .*/worker_uids = $E2E_WORKER_UIDS/" "$E2E_SOURCE/policy/examples/full.toml" >"$POLICY"
make_data
start_webdav
run_container vaultwarden "$DATA"

check "the example policy passes --check-policy" $GATE --check-policy
check "a request that the policy allows is served" gate 'backupctl --status'   # and makes the state directory

podman inspect vaultwarden --format '{{.State.Status}} {{.State.Pid}} {{.RestartCount}}' >"$ROOT/want"
podman stop -t 2 vaultwarden >/dev/null   # a heartbeat would be a trace of its own
podman inspect vaultwarden --format '{{.State.Status}} {{.State.StartedAt}}' >"$ROOT/want"
fingerprint "$DATA" "$CLOUD" /etc/backupctl >"$ROOT/before"

check_table "$E2E_SOURCE/tests/e2e/send_requests.py" --gate $GATE --table "$E2E_SOURCE/tests/attack/requests.txt" \
  --journal "$STATE/journal" "$STATE" "$DATA" "$CLOUD" /etc/backupctl

fingerprint "$DATA" "$CLOUD" /etc/backupctl >"$ROOT/after"
check_same "data, remote and configuration are as before" "$ROOT/before" "$ROOT/after"
podman inspect vaultwarden --format '{{.State.Status}} {{.State.StartedAt}}' >"$ROOT/got"
check_same "the container is as before" "$ROOT/want" "$ROOT/got"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
