#!/bin/bash
# What a controller starts, a container above all, inherits nothing of the gate's own limits or of its caller's oddities, and gets
# the limits that the gate was started with (architecture.md, "controller").
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
install -d "$ROOT/bin" "$ROOT/data"; echo x >"$ROOT/data/file"
cat >"$ROOT/bin/control" <<EOF
#!/bin/sh
cat /proc/self/limits >$ROOT/limits; cat /proc/self/status >$ROOT/status
cut -d' ' -f19 /proc/self/stat >$ROOT/nice; cat /proc/self/oom_score_adj >$ROOT/oom; env >$ROOT/env; ls /proc/self/fd >$ROOT/fds
EOF
chmod 755 "$ROOT/bin/control"
write_policy - <<EOF
[controller.odd]
kind = "command"
stop = ["$ROOT/bin/control", "stop"]
start = ["$ROOT/bin/control", "start"]
[service.odd]
controller = "odd"
path = "$ROOT/data"
remotes = ["disk"]
EOF
# started_with CORE: --start, from a caller with odd settings.
started_with() {
  (trap '' HUP TERM; export EVIL=1; prlimit --core="$1" --nofile=500:1000 nice -n 5 choom -n 300 -- \
    env SSH_ORIGINAL_COMMAND='backupctl --start odd' $GATE --ssh-gate)
}
limit() { sed -n "s/^Max $1  *\([^ ]*\)  *\([^ ]*\) .*/\1:\2/p" "$ROOT/limits"; }

for core in 8192:unlimited 0:0 unlimited:unlimited; do
  [ "$core" = 0:0 ] || prlimit --core="$core" true 2>/dev/null || { skip "core limit $core" "not allowed here"; continue; }
  check "a start by a gate with the core limit $core" started_with "$core"
  check "… gives that to what it starts" test "$(limit 'core file size')" = "$core"
  check "… and the other limits" test "$(limit 'open files')" = 500:1000
done
check "no nice value" test "$(cat "$ROOT/nice")" = 0
check "no oom_score_adj" test "$(cat "$ROOT/oom")" = 0
check "no ignored signals" grep -q '^SigIgn:.0000000000000000$' "$ROOT/status"
check "no blocked signals" grep -q '^SigBlk:.0000000000000000$' "$ROOT/status"
check "what it starts may still gain privileges (no_new_privs is off)" grep -q '^NoNewPrivs:.0$' "$ROOT/status"
check "nothing of the environment" test -z "$(grep -E 'EVIL|SSH_|SUDO' "$ROOT/env")"
e2e_end
