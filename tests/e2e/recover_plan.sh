#!/bin/bash
# --recover-plan: several services come back in the policy's order, each verified before the next begins, with what needs them at
# rest meanwhile; killed or stopped by a failure anywhere, the same plan goes on. RECOVER_ROUNDS (3) random kills, RECOVER_SEED
# repeats them.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
ROUNDS=${RECOVER_ROUNDS:-3} SEED=${RECOVER_SEED:-$$}

e2e_install
# Three services with data, of which one has a container of its own; an application that uses all of it and is no service.
policy() {  # [STEP…] of the plan "all"
  local steps=${*:-'"db", "queue", "vaultwarden", "start:app"'}
  write_policy - <<EOP
$(vaultwarden_policy)
[controller.app]
kind = "podman"
containers = ["app"]
grace = "5s"
[controller.ctl]
kind = "command"
stop = ["/usr/local/bin/ctl", "stop", "{service}"]
start = ["/usr/local/bin/ctl", "start", "{service}"]
status = ["/usr/local/bin/ctl", "status", "{service}"]
[service.db]
path = "/media/db"
remotes = ["disk"]
[service.queue]
path = "/media/queue"
remotes = ["disk"]
[recovery.all]
steps = [$steps]
[recovery.queue-alone]
steps = ["queue"]
[recovery.small]
steps = ["queue", "start:app"]
[recovery.vault]
steps = ["start:ctl", "db", "vaultwarden", "start:vaultwarden"]
[controller.slow]
kind = "command"
stop = ["/usr/local/bin/ctl", "stop", "{service}"]
start = ["/usr/local/bin/ctl", "start", "{service}"]
status = ["/usr/local/bin/ctl", "status", "{service}"]
[controller.slower]
kind = "command"
stop = ["/usr/local/bin/ctl", "stop", "{service}"]
start = ["/usr/local/bin/ctl", "start", "{service}"]
status = ["/usr/local/bin/ctl", "status", "{service}"]
[recovery.long]
steps = ["start:slow", "start:slower", "queue"]
EOP
}
# What "start:ctl" runs: a file says whether it runs.
cat >/usr/local/bin/ctl <<EOP
#!/bin/sh
echo "\$1 \$2" >>$ROOT/ctl.log
case \$1\$2 in startslow*) sleep 3 ;; esac
case \$1 in start) : >$ROOT/ctl.\$2 ;; stop) rm -f $ROOT/ctl.\$2 ;; status) [ -e $ROOT/ctl.\$2 ] || exit 3 ;; esac
EOP
chmod 755 /usr/local/bin/ctl
policy
make_data
mkdir -p /media/{db,queue,app}
for ((i = 0; i < 40; i++)); do head -c 20000 /dev/urandom >/media/db/page$i; done
seq 1 5000 >/media/queue/jobs
start_webdav
run_container vaultwarden "$DATA"
run_container app /media/app

plan() { $GATE --recover-plan all --yes "$@"; }
RECORD=$STATE/recoveries/all
trees() { FINGERPRINT_SKIP=$DATA/heartbeat fingerprint /media/db /media/queue "$DATA" | grep -vE "^$DATA [dy]"; }
destroy() {
  rm -rf /media/db/page1* /media/queue/jobs "$DATA/sends"; echo lost >/media/db/page2; echo lost >/media/queue/other
}
is_back() { trees >"$ROOT/now"; cmp -s "$ROOT/good" "$ROOT/now" || { diff "$ROOT/good" "$ROOT/now" | head -20; return 1; }; }
commit_all() { local s; for s in db queue vaultwarden; do $GATE --restore-commit $s >/dev/null 2>&1; done; rm -f $RECORD; }
app_up() { is_running app; }
app_down() { ! is_running app; }
# edit_record SCRIPT: sed on what the record says, under a digest that is right again.
edit_record() { { sed 1d $RECORD | sed "$1" >"$ROOT/record"; sha256sum <"$ROOT/record" | cut -c1-64; cat "$ROOT/record"; } >"$ROOT/record.new" && cp "$ROOT/record.new" $RECORD; }
# hung_up WORDS CMD…: CMD on a terminal of its own, which is gone as soon as it has said WORDS.
hung_up() {
  python3 -c '
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[2], sys.argv[2:])
said = b""
while sys.argv[1].encode() not in said: said += os.read(terminal, 4096)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)' "$@"
}
journal_says() { grep -q "$1" $STATE/journal/journal.jsonl; }

# What is refused, and what is foreseen.
check_exit 77 "a plan that the policy does not have" $GATE --recover-plan other --yes
check_says "… says which there are" "it has all, long, queue-alone, small, vault"
check_exit 64 "without --yes and a terminal nothing is done" $GATE --recover-plan all
check_says "… it says what would be replaced" "the data of db, queue, vaultwarden would be replaced"
check_says "… and what would stand still" "with what start:app starts stopped until then"
check_exit 64 "--from a step that the plan does not have" plan --from nothing
check_exit 64 "two plans at once" $GATE --recover-plan all vault --yes
check_exit 77 "over the gate it is refused" gate 'backupctl --recover-plan all --yes'
check_says "… as the operator's" "refused [operator-verb]"
check_exit 65 "--dry-run while there is no backup" $GATE --recover-plan all --dry-run
check_says "… says so of the first step" " 1. db                       CANNOT: there is no verified archive of db"
check_says "… and of the second" " 2. queue                    CANNOT: there is no verified archive of queue"
check_says "… and of the third" " 3. vaultwarden              CANNOT: there is no verified archive"
check_exit 65 "the same without --dry-run" plan
check "… which stopped nothing" app_up
check_not "… and left no record" test -e $RECORD

podman stop -t 2 vaultwarden >/dev/null
for service in db queue vaultwarden; do gate "backupctl --archive $service" >"$out" 2>&1 || { fail "archive $service"; _indent "$out"; }; done
trees >"$ROOT/good"
podman start vaultwarden >/dev/null
check "a drill" $GATE --drill db
fingerprint /media/db /media/queue /media/app "$ROOT/disk" $STATE/history $STATE/recoveries $STATE/restores $STATE/leases | grep -v heartbeat >"$ROOT/before"
check "--dry-run" $GATE --recover-plan all --dry-run
check_says "… which archive, its date, size and remote" "db-$(date +%F).tar.gz of $(date +%F), "
check_says "… and how long by the last drill" "from disk; about "
check_says "… or that there was none" "no drill yet"
check_says "… what runs and would stand still" " 4. start:app                runs now"
check_says "… the sum" "without-drill 2"
fingerprint /media/db /media/queue /media/app "$ROOT/disk" $STATE/history $STATE/recoveries $STATE/restores $STATE/leases | grep -v heartbeat >"$ROOT/after"
check_same "… changed nothing" "$ROOT/before" "$ROOT/after"
check "… and the application ran on" app_up

# Everything lost, and back in order.
destroy
check_not "destroyed" is_back
check "the plan" plan
cp "$out" "$ROOT/said"
check "… all of it is back" is_back
check "… the application runs" app_up
check "… and the container that ran before" wait_for 5 is_running vaultwarden
check "… in order" test "$(grep -oE '^recover-plan [a-z:-]+: (restored|stopping app|app runs)' "$ROOT/said" | sed 's/^recover-plan //' | tr '\n' ';')" = "db: stopping app;db: restored;queue: restored;vaultwarden: restored;start:app: app runs;"
check "… the application was stopped before the first" test "$(grep -n 'stopping app' "$ROOT/said" | head -1 | cut -d: -f1)" -lt "$(grep -n 'writing to' "$ROOT/said" | head -1 | cut -d: -f1)"
check "… a report with what it took beside the drill" grep -qE '^ 1\. db +done +[0-9.]+ s +[0-9.]+ s +restored ' "$ROOT/said"
check "… and without" grep -qE '^ 2\. queue +done +[0-9.]+ s +- +restored ' "$ROOT/said"
record=$(ls -t $STATE/recoveries/all-*.json | head -1)
sed -n '1{s/^{"signed"://;s/,$//;p;}' "$record" | tr -d '\n' >"$ROOT/signed"; sed -n '2s/.*"value":"\([^"]*\)".*/\1/p' "$record" | base64 -d >"$ROOT/signature"
check "… a signed record" openssl pkeyutl -verify -pubin -inkey $STATE/host.pub -rawin -in "$ROOT/signed" -sigfile "$ROOT/signature"
check "… of each step" python3 -c "
import json; r = json.load(open('$record')); assert r['kind'] == 'recovery' and r['signed']['kind'] == 'recovery' and r['signed']['result'] == 'recovered'
assert [s['step'] + ' ' + s['result'] for s in r['signed']['steps']] == ['db done', 'queue done', 'vaultwarden done', 'start:app done']
assert r['signed']['steps'][0]['drill_seconds'] > 0 and r['signed']['steps'][1]['drill_seconds'] is None"
check "… the plan and each step in the journal" journal_says '"event":"request".*"request":"backupctl --recover-plan all --yes"'
check "… before" journal_says '"event":"request".*"request":"backupctl --recover-plan all step queue"'
check "… and after it" journal_says '"event":"end".*"step":"recover-plan queue".*"exit":"0"'
check "… the journal is whole" $GATE --verify-journal
check "… and what is left to decide" grep -q 'recovered; the restores of db, queue, vaultwarden can be taken back until --restore-commit of each' "$ROOT/said"
check_not "… nothing of it is left to do" test -e $RECORD
check_exit 69 "a plan that ended is begun anew: while old files are kept" plan
check_says "… says so before it stops anything" "--restore-commit db"
check_says "… of each" "--restore-commit queue"
check "… and it stopped nothing" app_up
check "the old files are there" $GATE --restore-rollback db
check "… as they were lost" grep -q lost /media/db/page2
commit_all

# The operator's link breaks: nobody reads what it says, and the kernel says SIGHUP.
destroy
check "the terminal is gone in the middle of the plan" hung_up 'stopping app' $GATE --recover-plan all --yes
check "… which goes on to its end" is_back
check "… the application runs" app_up
check_not "… nothing of it is left to do" test -e $RECORD
check "… its end is in the journal" bash -c "tail -1 $STATE/journal/journal.jsonl | grep -q '\"step\":\"recover-plan all\".*\"exit\":\"0\"'"
commit_all
destroy
check "… in the middle of a --restore in place" hung_up 'fetching' $GATE --restore db --yes
check "… which comes to its end, too" test -e /media/db/page1
commit_all

# Each step has the longest time that the policy has, not all of them together.
cp $POLICY "$ROOT/policy"; printf '[gate.timeouts]\nbackup = "12s"\n' >>$POLICY
destroy
check "a plan that takes longer than timeouts.backup" $GATE --recover-plan long --yes
cp "$out" "$ROOT/said"
check "… (it did)" grep -qE 'recover-plan long: recovered.*duration (1[3-9]|[2-9][0-9])\.' "$ROOT/said"
check_not "… its last step was taken" test -e /media/queue/other
cp "$ROOT/policy" $POLICY
commit_all

# A step that fails in the middle.
QUEUE=$ROOT/disk/queue/archives/queue-$(date +%F).tar.gz
cp "$QUEUE" "$ROOT/whole"; printf 'XXXX' | dd of="$QUEUE" bs=1 seek=200 conv=notrunc 2>/dev/null
destroy
check_exit 65 "an archive damaged on the remote: the plan ends there" plan
check_says "… says which step" "step 2 of 4, queue, failed as said above, and no later step was begun"
check_says "… what is done and what is not" "done is db, not done is queue, vaultwarden, start:app"
check_says "… what stands still" "start:app starts stands still"
check_says "… and how to go on" "backupctl --recover-plan all"
check "… the first step is done" test -e /media/db/page1
check "… the failed one as it was" grep -q lost /media/queue/other
check_not "… the later one was not begun" test -e "$DATA/sends"
check "… the application stands still" app_down
check "… and for long: nobody starts it" test ! -e $STATE/leases/app
check "… a record of the failure" grep -q '"result":"failed"' "$(ls -t $STATE/recoveries/all-*.json | head -1)"
check_exit 2 "--check tells of it" $GATE --check
check_says "… as critical" "the recovery plan all, begun"
check "--status of a service that it restores" $GATE --status queue
check_says "… tells of it, too" "the recovery plan all, to which it belongs, has not ended"
cp $POLICY "$ROOT/policy"
printf '[service.%s]\npath = "/media/%s"\nremotes = ["disk"]\n' apart apart shop shop >>$POLICY; echo 'controller = "app"' >>$POLICY
of_plan() { $GATE --status "$1" --json | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["recovery"])'; }
check "… of one that it is to start, as JSON" grep -q 'has not ended.*on the host, backupctl --recover-plan all$' <(of_plan shop)
check "… and not of another" grep -qx None <(of_plan apart)
cp "$ROOT/policy" $POLICY
check "--dry-run tells what is left" $GATE --recover-plan all --dry-run
check_says "… and what is done" " 1. db                       done already"
cp $POLICY "$ROOT/policy"; echo '# mended' >>$POLICY
check_exit 64 "the policy changed meanwhile" plan
check_says "… says so" "the policy changed since the run of"
policy '"db", "vaultwarden", "queue", "start:app"'
check_exit 64 "the steps changed meanwhile" plan
check_says "… says so" "the steps of [recovery.all] changed"
cp "$ROOT/policy" $POLICY
check_exit 65 "again while it is damaged" plan
check_says "… the first step was not done again" "going on with queue"
mv "$QUEUE.manifest.json" "$ROOT/manifest"; echo nothing >"$QUEUE.manifest.json"
check_exit 65 "no backup of what is next: looking ahead ends it" plan
check_says "… says what stands still since the earlier run" "what start:app starts stands still since the earlier run"
cp "$out" "$ROOT/said"
check "… the steps are one table" test "$(grep -nE '^ ?[0-9]+\. ' "$ROOT/said" | cut -d: -f1 | awk 'NR == 1 { first = $1 } END { print NR, $1 - first + 1 }')" = "4 4"
check "… (with something to say between)" grep -q 'is passed over' "$ROOT/said"
mv "$ROOT/manifest" "$QUEUE.manifest.json"
# One that is older than a week.
cp $RECORD "$ROOT/young"; edit_record "s/^begun .*/begun $(($(date +%s) - 8 * 86400))/"
check_exit 64 "an old unfinished run is not gone on with by --yes alone" plan
check_says "… says how old" "lies 8 d back"
check "… and --dry-run, too" $GATE --recover-plan all --dry-run
check_says "…" ", 8 d ago, which did not end; going on with queue"
check_exit 65 "… with --from it is begun anew" plan --from queue
check_says "… and what the old one did counts no more" "db (left-out)"
cp "$ROOT/young" $RECORD
cp "$ROOT/whole" "$QUEUE"
podman start app >/dev/null   # somebody did not wait
check "mended, the plan goes on" plan
check_says "… where it ended" "db (done) of the run of"
check_says "… at rest again" "stopping app, which a later step starts"
check "… all of it is back" is_back
check "… the application runs" app_up
check_not "… nothing is left to do" test -e $RECORD
check_exit 0 "… but for --check, old files are no finding yet" bash -c "$GATE --check | grep -q 'recovery plan' && exit 1 || exit 0"
commit_all

# What the operator restored by hand, and is no step: single files, after the plan was begun.
cp "$QUEUE" "$ROOT/whole"; printf 'XXXX' | dd of="$QUEUE" bs=1 seek=200 conv=notrunc 2>/dev/null
destroy
check_exit 65 "a step that fails" plan
cp "$ROOT/whole" "$QUEUE"; edit_record 's/^step failed/step begun/'
check "… and would have been killed, of whose service files are restored" $GATE --restore queue --only jobs --yes
check_exit 69 "… is not done with that" plan
check_says "… says what to decide" "--restore-commit queue"
check "… the rest of it is as it was lost" grep -q lost /media/queue/other
$GATE --restore-commit queue >/dev/null
check "… decided, the plan goes on" plan
check "… all of it is back" is_back
commit_all

# What was done is put back in between, or broken off: nothing is built on it.
printf 'XXXX' | dd of="$QUEUE" bs=1 seek=200 conv=notrunc 2>/dev/null
destroy
check_exit 65 "a step that fails" plan
cp "$ROOT/whole" "$QUEUE"
printf '?\n' >$STATE/kept/db.part; echo old >$STATE/kept/db      # as of a server
check_exit 69 "a step that is done, and was broken off since" plan
check_says "… by its name" " 1. db                       CANNOT: a restore of it was broken off"
check_exit 69 "… nor can it be left out" plan --from vaultwarden
check_exit 2 "… --check tells of it" $GATE --check db
check_says "… as critical" "a restore was broken off, and the server may hold a part"
rm $STATE/kept/db*
check "a step that is done is put back" $GATE --restore-rollback db
check "… it is lost again" grep -q lost /media/db/page2
check "… the plan does it again" plan
check_says "… and begins there" "going on with db"
check "… all of it is back" is_back
commit_all

# --from, and a plan of one service.
destroy
check "--from leaves out what is before" plan --from vaultwarden
check_says "… says so" "db (left-out), queue (left-out)"
check "… the first steps untouched" grep -q lost /media/queue/other
check "… the rest is done" test -e "$DATA/sends/numbers.txt"
check "a plan of one service" $GATE --recover-plan queue-alone --yes
check "… restores it alone" test ! -e /media/queue/other -a "$(cat /media/db/page2)" = lost
commit_all

# A container that both holds data and is started by the plan; a command that is started first; a lease that is in the way.
check "stopped by a backup under way" gate 'backupctl --stop vaultwarden'
check "… under a lease" test -e $STATE/leases/vaultwarden
rm -f "$ROOT/ctl.log"
check "a plan that starts what it restored" $GATE --recover-plan vault --yes
check "… runs" is_running vaultwarden
check_not "… without the lease" test -e $STATE/leases/vaultwarden
check "… what is started first was started, and not stopped" grep -qx 'start ctl' "$ROOT/ctl.log"
check_not "… not stopped" grep -q stop "$ROOT/ctl.log"
check "… all is back but the queue, which is no part" test "$(cat /media/db/page2 | head -c 4)" != lost
commit_all
podman rm -f -t 1 app >/dev/null
destroy
check_exit 69 "what the last step starts does not exist" plan
check_says "… says so" "app does not exist, so it cannot be started: create it, then go on"
run_container app /media/app; podman stop -t 2 app >/dev/null
check "created, the plan goes on" plan
check "… the application runs" app_up
check "… all of it is back" is_back
commit_all

# Two at once.
kill -STOP "$(cat "$ROOT/pids/webdav")"
destroy
begin "$ROOT/first" plan
wait_for 30 grep -q 'restored' "$ROOT/first" || sleep 3
check_exit 69 "a second run at the same time" plan
check_says "… says so" "another run of --recover-plan is under way"
check_exit 69 "… of another plan too" $GATE --recover-plan queue-alone --yes
kill -CONT "$(cat "$ROOT/pids/webdav")"
check "the first comes to its end" wait $begun
check "… all of it is back" is_back
commit_all

# Killed at each rename, of the plan's record and of the restore's, and run again.
killed_at() { (strace -qq -o /dev/null -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=SIGKILL:when=$1 "${@:2}" >"$ROOT/said" 2>&1) 2>/dev/null; }
if command -v strace >/dev/null; then
  failed=$E2E_FAILED taken_up=0
  for ((point = 1; point < 40; point++)); do
    destroy
    killed_at $point $GATE --recover-plan small --yes && break
    [ "$(grep -cE '^step (done [0-9]+ queue|waiting 0 start:app) ' $STATE/recoveries/small 2>/dev/null)" != 2 ] || app_down || fail "rename $point: the application runs before its step"
    $GATE --recover-plan small --yes >"$ROOT/said" 2>&1 || fail "rename $point: the plan does not go on" "$(tail -3 "$ROOT/said")"
    ! grep -q 'restored and verified by the run that was killed' "$ROOT/said" || taken_up=$((taken_up + 1))
    [ ! -e /media/queue/other ] && [ -e /media/queue/jobs ] || fail "rename $point: not what was backed up"
    app_up || fail "rename $point: the application does not run"
    commit_all
  done
  commit_all
  check "killed at each of $((point - 1)) renames, the plan goes on to its end" test $failed = $E2E_FAILED -a $point -gt 6
  check "… and what was restored already is not restored again" test $taken_up -gt 0
else
  skip "killed at each rename" "no strace"
fi

# Killed at random: run again until it is done.
RANDOM=$SEED
destroy; began=$(date +%s%N); plan >/dev/null 2>&1; length=$((($(date +%s%N) - began) / 1000000)); commit_all
failed=$E2E_FAILED
echo "# seed $SEED, $ROUNDS rounds of up to $length ms"
for ((round = 1; round <= ROUNDS; round++)); do
  destroy
  kills=0 said=
  for ((kill = 0; kill < 2; kill++)); do
    begin "$ROOT/said" $GATE --recover-plan all --yes; gate=$begun   # a function would be a shell of its own, killed in its place
    sleep "$(awk -v m=$((RANDOM * length / 32768)) 'BEGIN { print m / 1000 }')"
    kill -9 $gate 2>/dev/null && kills=$((kills + 1)); wait $gate 2>/dev/null
    said="$said; $(tail -1 "$ROOT/said" | cut -c1-60)"
    [ -e $RECORD ] || break
  done
  [ ! -e $RECORD ] || plan >"$ROOT/said" 2>&1 || fail "round $round: the plan does not go on" "$(tail -3 "$ROOT/said")"
  is_back >"$ROOT/mixed" || { plan >"$ROOT/said" 2>&1; is_back >"$ROOT/mixed" || fail "round $round: not what was backed up" "$(head -5 "$ROOT/mixed"; tail -3 "$ROOT/said")"; }
  app_up || fail "round $round: the application does not run"
  [ ! -e $RECORD ] || fail "round $round: a record is left"
  wait_for 30 is_running vaultwarden || fail "round $round: the container that ran before does not run"
  echo "# round $round: $kills killed$said"
  commit_all
done
check "killed at random in $ROUNDS rounds (RECOVER_SEED=$SEED): the plan goes on to its end" test $failed = $E2E_FAILED
check "the journal is whole" $GATE --verify-journal
e2e_end
