#!/bin/bash
# The same snapshots to Azure Blob: real Azurite over TLS. Cool tier, rotation (past eight in move.inc.sh), an upload that is cut off and goes on, a
# key that is wrong and is told nobody.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
private_run
on_clean() { stop_docker; }
e2e_install
HEALTH_PORT=$(free_port) ENGINE=docker
start_docker "$ROOT/docker"
import_docker_image
start_stack
start_azurite
head -c 200000 /dev/urandom >"$(mountpoint_of lightrag-data)/vectors"
there() { azure lsf azure:lightrag-backup 2>/dev/null | grep -E '^[0-9]{8}-[0-9]{6}/$' | tr -d /; }
tiers() { azure lsjson -R azure:lightrag-backup | python3 -c 'import json, sys; print(",".join(sorted({f["Tier"] for f in json.load(sys.stdin) if not f["IsDir"]})))'; }
verified() { gate 'backupctl --list lightrag' 2>/dev/null | grep -c ' verified  azure$'; }

stack_policy '"azure"' 'keep_snapshots = { azure = 3, local = 1 }'
check "a backup to Azure" gate 'backupctl --backup lightrag'
check "… the stack runs" stack_is running
check "… one snapshot there, whole" test "$(verified)" = 1
check "… all of it in the tier of the policy" test "$(tiers)" = Cool
check "verify" gate 'backupctl --verify lightrag'
ID=$(there)
azure settier Hot "azure:lightrag-backup/$ID/lightrag-kg.tar.gz" >/dev/null 2>&1
check "(a blob of another tier is seen)" test "$(tiers)" = Cool,Hot
azure deletefile "azure:lightrag-backup/$ID/manifest.json"
check "an upload that lacks its manifest goes on, without another stop" gate 'backupctl --backup lightrag'
check_says "… as the same snapshot" "going on with snapshot $ID"
check_not "… sends no finished volume again" grep -q 'sending lightrag-' "$out"
check "… and puts the tier right" test "$(tiers)" = Cool
check "… whole again" test "$(verified)" = 1

# Cut off at about 60 %: the large volume comes last.
head -c 60000000 /dev/urandom >"$(mountpoint_of lightrag-neo4j-data)/store"
cut() { # the emulator dies while the large volume is on its way
  for ((tries = 0; tries < 3000; tries++)); do
    ! grep -q 'sending lightrag-neo4j-data' "$ROOT/cut" || { sleep "${1:-0.4}"; break; }
    sleep 0.02
  done
  end_pid "$ROOT/pids/azurite"
}
begin "$ROOT/cut" gate 'backupctl --backup lightrag --timeout 25'
backup=$begun
cut; wait $backup; code=$?
check "Azure goes away at 60 %, and the request's time passes: 124" test $code = 124
check "… the stack runs" stack_is running
start_azurite
check "… nothing incomplete is listed as a snapshot" test "$(verified)" = 1
check "… nothing is rotated away" gate "backupctl --verify lightrag --snapshot-id $ID"
CUT=$(there | tail -n 1)
check "(something of it lies there)" test "$CUT" != "$ID"
check "the next run goes on" gate 'backupctl --backup lightrag'
check_says "… with the same snapshot" "going on with snapshot $CUT"
check_says "… what was whole is verified, not sent" "verifying lightrag-kg.tar.gz that lies on azure already"
check_says "… what was cut off is sent" "sending lightrag-neo4j-data.tar.gz to azure"
check_not "… and nothing else" grep -q 'sending lightrag-kg' "$out"
check "… and is whole" test "$(verified)" = 2
rm "$(mountpoint_of lightrag-neo4j-data)/store"

# One cut off and left: the next snapshot sweeps it.
begin "$ROOT/cut" $GATE --backup lightrag
backup=$begun
for ((tries = 0; tries < 3000; tries++)); do ! grep -q 'sending lightrag-kg' "$ROOT/cut" || break; sleep 0.02; done
kill -9 $backup; wait $backup 2>/dev/null
LEFT=$(ls "$STATE/snapshots/lightrag" | grep -E '^[0-9-]*$' | tail -n 1)
sed -i '/^keep_snapshots/a snapshot_max_age = "1s"' "$POLICY"; sleep 1    # too old to go on with, as if found a week later
for _ in 1 2; do sleep 2; gate 'backupctl --backup lightrag' >"$out" 2>&1 || { fail "a backup"; _indent "$out"; }; done
sed -i '/^snapshot_max_age/d' "$POLICY"
check "three are kept of four" test "$(verified)" = 3
check_not "… the oldest is gone" grep -qx "$ID" <(there)
check_not "… and what was cut off" grep -qx "$LEFT" <(there)
check "… but the newest are there" gate 'backupctl --verify lightrag'

# Hostile: another host's manifest, an older snapshot under a newer name.
NEW=$(there | tail -n 1)
azure copy "azure:lightrag-backup/$NEW" azure:lightrag-backup/20991231-235959
check_exit 65 "an older snapshot under a newer name: 65" gate 'backupctl --verify lightrag'
check_says "… says whose it is" "it belongs to the archive $NEW"
check "… it is not listed as one" test "$(verified)" = 3
before=$(there)
check "… and a backup deletes nothing for it" gate 'backupctl --backup lightrag'
azure purge azure:lightrag-backup/20991231-235959

# The archive tier, whose blobs nobody can read at once.
stack_policy '"azure"' 'keep_snapshots = { azure = 3, local = 1 }'
sed -i 's/access_tier = "cool"/access_tier = "archive"/' "$POLICY"
sleep 1
check "a backup to the archive tier" gate 'backupctl --backup lightrag'
NEW=$(there | tail -n 1)
check "… its archives are there, what tells of them is not" test "$(azure lsjson "azure:lightrag-backup/$NEW" | python3 -c 'import json, sys; print(sorted({(f["Name"].endswith(".tar.gz"), f["Tier"]) for f in json.load(sys.stdin)}))')" = "[(False, 'Hot'), (True, 'Archive')]"
check "verify" gate 'backupctl --verify lightrag'
check_says "… says what it could not look at" "its size was looked at alone"
sed -i 's/access_tier = "archive"/access_tier = "cool"/' "$POLICY"

# A wrong key.
sed -i 's/^AZURE_STORAGE_KEY=.*/AZURE_STORAGE_KEY="'"$(head -c 64 /dev/zero | base64 -w0)"'"/' /etc/backupctl/azure.env
check_exit 69 "a wrong key: 69" gate 'backupctl --backup lightrag'
check_says "… says what is whole, and where" "is whole on this host, and the next --backup sends what is missing"
check "… one line" test "$(grep -c '^backupctl: ' "$out")" = 1
check "… again, without another stop" eval '! gate "backupctl --backup lightrag" >"$ROOT/again" 2>&1 && grep -q "going on with snapshot" "$ROOT/again" && ! grep -q "stopping the service" "$ROOT/again"'
sed -i '/^keep_snapshots/a snapshot_max_age = "1s"' "$POLICY"
for _ in 1 2; do
  sleep 2; gate 'backupctl --backup lightrag' >/dev/null 2>&1
done
check "… for days: this host keeps one" test "$(ls "$STATE/snapshots/lightrag" | grep -cE '^[0-9-]*$')" = 1
check "… the stack runs" stack_is running
check_not "the key is nowhere in state or journal (X10)" grep -rqF "$AZURE_KEY" "$STATE"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
