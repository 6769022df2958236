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

check "the journal verifies" $GATE --verify-journal
e2e_end
