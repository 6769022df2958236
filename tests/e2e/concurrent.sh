#!/bin/bash
# Many requests of one client at the same time (X11): what only one of them may make is made once, and there is a bound on all.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
write_policy - <<EOF
$(vaultwarden_policy)
[service.plain]
path = "$ROOT/plain"
remotes = ["disk"]
EOF
make_data
mkdir -p "$ROOT/plain"; echo plain >"$ROOT/plain/file"

# at_once COUNT REQUEST: exit codes, each with how often it came.
at_once() {
  local i; rm -f "$ROOT"/code.*
  for ((i = 0; i < $1; i++)); do { gate "$2" >"$ROOT/said.$i" 2>&1; echo $? >"$ROOT/code.$i"; } & done
  wait
  cat "$ROOT"/code.* | sort -n | uniq -c | awk '{ print $2 "x" $1 }' | xargs
}

# The host's signing key, made by the first request that needs it.
whole_key() { [ -s $STATE/host.key ] && openssl pkey -pubin -in $STATE/host.pub -noout; }
for round in 1 2 3; do
  rm -f $STATE/host.key $STATE/host.pub
  check "round $round: eight first requests at once are all served" test "$(at_once 8 'backupctl --list plain')" = 0x8
  check "… and there is one whole key" whole_key
  check "… and nothing half made" test -z "$(ls $STATE | grep tmp)"
done
: >$STATE/host.key; : >$STATE/host.pub
check "an empty key is made anew" gate 'backupctl --list plain'
check "… and is whole" whole_key
check "… and root's alone" test "$(stat -c '%U %a' $STATE/host.key)" = "root 600"
check "what it signs verifies" gate 'backupctl --archive plain'
check "… and is listed" gate 'backupctl --list plain'
check_says "… as verified" " verified "

# Not more than a few live requests of a client; sixteen that wait for a service which another process holds.
sixteen() { [ "$(grep -l 'waiting for another step' "$ROOT"/waiting.* 2>/dev/null | wc -l)" = 16 ]; }
exec 9>>$STATE/locks/service-plain; flock -n 9
for ((i = 0; i < 16; i++)); do gate 'backupctl --sync plain' >"$ROOT/waiting.$i" 2>&1 9>&- & done
check "sixteen requests wait" wait_for 10 sixteen
check_exit 69 "a seventeenth is turned away" gate 'backupctl --status'
check_says "… and told why" "too many requests of this client run at once"
check "… it is in the journal" grep -q '16 requests of this client run already' $STATE/journal/journal.jsonl
check "a start is served all the same (S1)" gate 'backupctl --start plain'
exec 9>&-; wait
check "when they have ended, all are served again" gate 'backupctl --status'

# per_hour counts requests that come at the same time, too.
cat >>$POLICY <<EOF
[client.default]
actions = ["start", "version"]
per_hour = 5
EOF
check "of twelve at once as many as per_hour says are served" test "$(at_once 12 'backupctl --version')" = "0x5 77x7"
rm -f $STATE/clients/default; mkdir $STATE/clients/default
check_exit 74 "where the count cannot be kept nothing is done" gate 'backupctl --version'
check "… but a start is served" gate 'backupctl --start plain'
rmdir $STATE/clients/default
check "… and with the count all is well" gate 'backupctl --version'

check "the journal verifies" $GATE --verify-journal
e2e_end
