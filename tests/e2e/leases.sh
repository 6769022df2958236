#!/bin/bash
# No service stays down (S1, S2, S6): the host itself starts what was stopped, whatever became of those who asked.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
# guard KEY=VALUE…: the policy with these limits.
guard() {
  local pair
  write_policy
  for pair; do sed -i "/^min_up = /a ${pair%%=*} = \"${pair#*=}\"" $POLICY; done
  [[ " $* " != *" min_up="* ]] || sed -i '/^min_up = "0s"$/d' $POLICY
}
guard max_down=600s
make_data
start_webdav
start_ssh
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"
LEASE=$STATE/leases/vaultwarden
journal_says() { grep -q "$1" $STATE/journal/journal.jsonl; }
guardians() { pgrep --ns $$ --nslist mnt -f -- '--guardian vaultwarden$'; }
no_guardian() { ! guardians >/dev/null; }
kill_guardian() { kill -9 $(guardians); wait_for 5 no_guardian; }
up_again() { is_running vaultwarden && [ ! -e $LEASE ]; }
stop() { ssh_gate 'backupctl --stop vaultwarden'; }
start() { ssh_gate 'backupctl --start vaultwarden'; }
deadline() { sed -n 's/^deadline //p' $LEASE; }

# The usual night: the guardian comes with the lease and goes with it.
check "stop" stop
check "… a guardian watches" guardians
check "… in a session of its own" test "$(ps -o sid= -p "$(guardians)" | tr -d ' ')" = "$(guardians)"
check "… without a terminal, input or output" test "$(readlink /proc/"$(guardians)"/fd/{0,1,2} | sort -u)" = /dev/null
first=$(deadline)
check "a second stop" stop
check "… extends nothing" test "$first" = "$(deadline)"
check "… and there is one guardian" test "$(guardians | wc -l)" = 1
check "--status says how long the lease has left" ssh_gate 'backupctl --status vaultwarden'
check_says "… in seconds" "s left until the host starts it"
check "start" start
check "… the guardian goes" wait_for 10 no_guardian

# S1: nobody comes back.
guard max_down=5s
check "stop for at most 5 seconds" stop
check "… it is stopped" is_stopped vaultwarden
check "the host starts it at max_down" wait_for 20 up_again
check "… and says so in the journal" wait_for 10 journal_says 'started by the host: max_down has passed'
guard max_down=600s idle_down=4s
check "stop, idle for at most 4 seconds" stop
kill -STOP "$(cat "$ROOT/pids/webdav")"
check_exit 124 "a step of 9 seconds" ssh_gate 'backupctl --sync vaultwarden --timeout 9'
check "… during which it stayed down" is_stopped vaultwarden
kill -CONT "$(cat "$ROOT/pids/webdav")"
check "the host starts it when nothing happens any more" wait_for 20 up_again
check "… and says so in the journal" wait_for 10 journal_says 'started by the host: no step has run for idle_down'

# What still reads the service when its time is over is ended first.
guard max_down=4s
check "stop" stop
kill -STOP "$(cat "$ROOT/pids/webdav")"
ssh_gate 'backupctl --sync vaultwarden' >"$ROOT/first" 2>&1 & first=$!
check "the host starts it under a running step" wait_for 40 up_again
wait $first; check "… which fails" test $? != 0
kill -CONT "$(cat "$ROOT/pids/webdav")"

# Killed: the gate in its step, the guardian, the client; and a policy that is broken meanwhile.
guard max_down=600s idle_down=5s
check "stop" stop
kill -STOP "$(cat "$ROOT/pids/webdav")"
ssh_gate 'backupctl --sync vaultwarden' >"$ROOT/first" 2>&1 & first=$!
sleep 2
for process in $(pgrep --ns $$ --nslist mnt -f -- '--ssh-gate'); do kill -9 "$process" 2>/dev/null; done
wait $first
kill -CONT "$(cat "$ROOT/pids/webdav")"
echo 'this is no policy' >$POLICY
check "gate, sudo and ssh killed, the policy broken: the host starts it" wait_for 30 up_again
guard max_down=6s
check "stop" stop
kill_guardian
check "the guardian killed: --recover before the time is over" $GATE --recover
check "… starts nothing" is_stopped vaultwarden
check "… but gives it a guardian" guardians
check "… which does its work" wait_for 20 up_again

# A reboot: all our processes gone, /run emptied, the time over.
guard max_down=3s
check "stop" stop
kill_guardian
sleep 4
check "it stays down, as nobody is there" is_stopped vaultwarden
echo 'this is no policy' >$POLICY
check "one --recover brings it back, whatever the policy" $GATE --recover
check "… it runs, without a lease" up_again
check "--recover with nothing to do" $GATE --recover
check_says "… says so" "started 0 services"

# A start that fails is tried again.
guard max_down=3s
check "stop" stop
podman rename vaultwarden elsewhere
check "the host cannot start it" wait_for 20 journal_says 'could not be started by the host'
check "… and keeps the lease" test -e $LEASE
podman rename elsewhere vaultwarden
check "… and tries again" wait_for 40 up_again

# S6: no client keeps a service down.
guard min_up=1h
check_exit 77 "a service just started is not stopped again" stop
check_says "… refused" "refused [too-often]"
check "… it runs" is_running vaultwarden
check "the operator may" $GATE --stop vaultwarden
check "start" start
# A stop that fails counts as one: the service was down for a moment.
podman rm -f -t 0 vaultwarden >/dev/null
run_container vaultwarden "$DATA" slow
rm -f $STATE/history/vaultwarden.down
check_exit 69 "a stop that fails starts the service again" stop
check_exit 77 "… and is not tried again within min_up" stop
check_says "… refused" "refused [too-often]"
podman rm -f -t 0 vaultwarden >/dev/null
run_container vaultwarden "$DATA"
guard max_down_per_day=1s
check_exit 77 "a service that stood still too long today is not stopped" stop
check_says "… refused" "refused [too-often]"
check "… it runs" is_running vaultwarden
check "start" start

# A stop that goes on when the gate is killed would stop what was started meanwhile, when there is no lease any more.
cat >/usr/local/bin/slow-stop <<'SH'
#!/bin/sh
state=/run/slow-service
case $1 in
  stop) sleep 6; rm -f $state ;;
  start) : >$state ;;
  status) [ -e $state ] || exit 3 ;;
esac
SH
chmod 755 /usr/local/bin/slow-stop; : >/run/slow-service
guard max_down=600s
cat >>$POLICY <<EOF
[controller.slow]
kind = "command"
stop = ["/usr/local/bin/slow-stop", "stop"]
start = ["/usr/local/bin/slow-stop", "start"]
status = ["/usr/local/bin/slow-stop", "status"]
[service.slow]
controller = "slow"
path = "$ROOT/slow"
remotes = ["onedrive"]
EOF
mkdir -p "$ROOT/slow"
$GATE --stop slow >"$ROOT/slow.out" 2>&1 & pid=$!
wait_for 10 pgrep -f 'slow-stop stop' >/dev/null
kill -9 $pid; wait $pid 2>/dev/null
check "the gate is killed while a command stops the service: the command goes on" pgrep -f 'slow-stop stop'
check "… a start" $GATE --start slow
check_not "… ends it first" pgrep -f 'slow-stop stop'
sleep 7
check "… so that the service runs, and goes on" test -e /run/slow-service
check_not "… without a lease" test -e $STATE/leases/slow
rm -f /usr/local/bin/slow-stop /run/slow-service

check "the journal verifies (X9)" $GATE --verify-journal
check "nobody is left" wait_for 10 no_guardian
e2e_end
