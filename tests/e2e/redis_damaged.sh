#!/bin/bash
# A Redis server that does not start: append-only files that are damaged are set aside and the backup restored into the empty
# server; files that are whole, that the server reads after all, or that are no append-only files stay where they are. Killed in
# the middle, the same again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

PORT=$(free_port) OTHER=$(free_port) DIR=$ROOT/redis-queue AOF=$ROOT/redis-queue/appendonlydir ARCHIVES=$ROOT/disk/queue/archives
tool() { python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$PORT" "$@"; }
ctl() { /usr/local/bin/queuectl "$1" queue; }
answers() { redis-cli -p "$PORT" ping 2>/dev/null | grep -q PONG; }
restore() { $GATE --restore queue --archive latest --yes "$@"; }
aside() { compgen -G "$DIR/*.damaged-*"; }
keys_are_back() { tool digest >"$ROOT/keys.now" && diff "$ROOT/keys" "$ROOT/keys.now"; }
starts() { wc -l <"$ROOT/starts"; }
e2e_install
# What the service's controller runs: a server that is started anew whenever it ends, or once alone where $ROOT/once is.
install -d -o redis -g redis -m 700 "$DIR"
: >"$ROOT/queue.log"; chown redis "$ROOT/queue.log"; : >"$ROOT/starts"
cat >/usr/local/bin/queuectl <<EOP
#!/bin/bash
runs() { [ -s $ROOT/pids/queue ] && ps -eo pgid=,stat= | awk -v g=\$(cat $ROOT/pids/queue) '\$1 == g && \$2 !~ /^Z/ { f = 1 } END { exit !f }'; }
case \$1 in
  status) runs || exit 3 ;;
  stop) runs || exit 0; kill -- -\$(cat $ROOT/pids/queue)
    for ((i = 0; i < 100; i++)); do runs || exit 0; sleep 0.1; done; exit 1 ;;
  start) runs && exit 0
    setsid bash -c 'while :; do echo started >>$ROOT/starts
      setpriv --reuid=redis --regid=redis --clear-groups redis-server --bind 127.0.0.1 --port $PORT --dir $DIR --save "" --appendonly yes \\
        --auto-aof-rewrite-percentage 0 --enable-debug-command yes --repl-diskless-sync-delay 0 --logfile $ROOT/queue.log \$(cat $ROOT/settings)
      [ ! -e $ROOT/once ] || exit; sleep 0.3; done' </dev/null >/dev/null 2>&1 &
    echo \$! >$ROOT/pids/queue ;;
esac
EOP
chmod 755 /usr/local/bin/queuectl; : >"$ROOT/settings"
on_clean() { ctl stop; }
policy() {  # REDIS [CONTROLLER]
  write_policy - <<CONF
[controller.queuectl]
kind = "command"
stop = ["/usr/local/bin/queuectl", "stop", "{service}"]
start = ["/usr/local/bin/queuectl", "start", "{service}"]
status = ["/usr/local/bin/queuectl", "status", "{service}"]
[service.queue]
redis = { host = "localhost", $1 }
controller = "${2:-queuectl}"
remotes = ["disk"]
[recovery.queue]
steps = ["queue"]
CONF
}
policy "port = $PORT, data_dir = \"$DIR\""
ctl start; wait_for 10 answers || { fail "the server runs"; e2e_end; }
tool fill; redis-cli -p "$PORT" bgrewriteaof >/dev/null
wait_for 20 sh -c "redis-cli -p $PORT info persistence | grep -q aof_rewrite_in_progress:0"
for ((i = 0; i < 2000; i++)); do echo "set later$i value$i"; done | redis-cli -p "$PORT" >/dev/null
tool digest >"$ROOT/keys"
check "the server is backed up" gate 'backupctl --backup queue'
check "the policy is valid" $GATE --check-policy

# garble FILE: bytes in it, where in an append-only file one command follows the other.
garble() {
  python3 - "$1" <<'PY'
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(os.path.getsize(sys.argv[1]) * 99 // 100); file.write(b"damaged!" * 20)
PY
}
incr() { compgen -G "$AOF/*.incr.aof" | tail -1; }
looped() { [ "$(starts)" -gt $((before + 1)) ]; }
crash_loop() { before=$(starts); ctl start; wait_for 20 looped; }
damage() { ctl stop; garble "$(incr)"; ( cd "$DIR" && sha256sum appendonlydir/* ) >"$ROOT/damaged"; crash_loop; }
# anew: an empty server, with nothing set aside.
anew() { ctl stop; rm -rf "${DIR:?}"/* "$ROOT/once"; : >"$ROOT/settings"; ctl start; wait_for 10 answers; }
set_aside_is_whole() {
  local found
  found=$(aside) && [ -d "$found" ] && ( cd "$found" && sed 's|appendonlydir/||' "$ROOT/damaged" | sha256sum --quiet -c )
}
commit() { $GATE --restore-commit queue; }

# ---- damaged ----
damage
check_not "a damaged append-only file ends the server at each start" answers
check "its log says so" grep -q 'Bad file format' "$ROOT/queue.log"
cp "$ARCHIVES"/queue-*.rdb "$ROOT/good.rdb"; garble "$ARCHIVES"/queue-*.rdb
check_exit 65 "a backup that is damaged too" restore
check_not "sets nothing aside" aside
check "and leaves the service as it is" ctl status
cp "$ROOT/good.rdb" "$ARCHIVES"/queue-*.rdb
check "the restore brings all back" restore
check_says "and says what was set aside where" "its append-only files were damaged, and are set aside as $DIR/appendonlydir.damaged-"
check_says "and what was loaded" "append-only files are on"
check "every key is back" keys_are_back
check "what was set aside is what was damaged" set_aside_is_whole
check "so does the journal" grep -q 'set aside as' "$STATE/journal/journal.jsonl"
check_not "nothing is under a lease" test -e "$STATE/leases/queue"
ctl stop; ctl start; wait_for 10 answers
check "every key is there after the server was started again" keys_are_back
check "commit" commit

# ---- what the server reads after all, and what is whole ----
anew; tool fill; tool digest >"$ROOT/own"; ctl stop; touch "$ROOT/once"
truncate -s -3 "$(incr)"
check_not "redis-check-aof calls a file without its end damaged" redis-check-aof "$AOF/appendonly.aof.manifest"
check "a stopped server that reads it is restored into" restore
check_not "and nothing is set aside" aside
check "every key is back" keys_are_back
check "rollback gives back what it read" $GATE --restore-rollback queue
check "but for its end" test "$(tool count)" -ge 900
anew; tool fill; ctl stop
check_exit 69 "a stopped server whose files are whole" restore
check_says "is told" "redis-check-aof finds nothing wrong"
check_not "nothing is set aside" aside
check_exit 3 "and it stays stopped" ctl status
ctl start; wait_for 10 answers
policy "port = $OTHER, data_dir = \"$DIR\""
before=$(starts)
check_exit 69 "a server that runs and is looked for elsewhere" restore
check_says "is told" "nobody listens at localhost port $OTHER"
check_not "nothing is set aside" aside
check "it runs" answers
check "and was not stopped for it" test "$(starts)" = "$before"
check_not "without a lease" test -e "$STATE/leases/queue"
policy "port = $PORT, data_dir = \"$DIR\""
redis-cli -p "$PORT" bgrewriteaof >/dev/null
wait_for 20 sh -c "redis-cli -p $PORT info persistence | grep -q aof_rewrite_in_progress:0"
echo '--key-load-delay 6000 --loading-process-events-interval-bytes 1024' >"$ROOT/settings"; ctl stop; before=$(starts); ctl start
wait_for 10 sh -c "redis-cli -p $PORT info persistence | grep -q ^loading:1"; check "a server that reads its data" sh -c "redis-cli -p $PORT get x | grep -q LOADING"
check "is waited for" restore
check "and was not started anew" test "$(starts)" = $((before + 1))
check_not "nothing is set aside" aside
check "rollback" $GATE --restore-rollback queue

# ---- what is no append-only file ----
anew; ctl stop; touch "$ROOT/once"
mkdir "$ROOT/victim"; echo 'file a seq 1 type i' >"$ROOT/victim/x.manifest"; echo garbage >"$ROOT/victim/a"; fingerprint "$ROOT/victim" >"$ROOT/victim.1"
refused() {  # CODE TITLE WORDS
  check_exit "$1" "$2" restore
  check_says "is refused by name" "$3"
  check_not "nothing is set aside" aside
}
mv "$AOF" "$AOF.real"; ln -s "$ROOT/victim" "$AOF"; rm "$ROOT/once"; crash_loop
refused 65 "a link instead of the folder" "appendonlydir cannot be opened as a directory"
check "the service runs as before" ctl status
ctl stop; touch "$ROOT/once"
rm "$AOF"; mkdir "$AOF"; cp "$AOF.real"/* "$AOF"; ln -sf "$ROOT/victim/a" "$AOF/linked.aof"
refused 65 "a link instead of a file" "linked.aof in redis.data_dir is no plain file"
rm "$AOF/linked.aof"; mkfifo "$AOF/"$'fifo\n.aof'
refused 65 "a FIFO with an odd name" 'fifo\x5cx0a.aof in redis.data_dir is no plain file'
rm "$AOF"/fifo*; truncate -s 15T "$AOF/huge.aof"
refused 74 "a file larger than the disk" "huge.aof with"
rm "$AOF/huge.aof"; cp "$AOF/appendonly.aof.manifest" "$AOF/other.manifest"
refused 65 "two manifests" "which of them the server reads is not known"
rm "$AOF/other.manifest"; mkfifo "$DIR/appendonly.aof"
refused 65 "a FIFO instead of a file of the older kind" "appendonly.aof in redis.data_dir is no plain file"
rm "$DIR/appendonly.aof"; mv "$DIR" "$DIR.real"; ln -s "$DIR.real" "$DIR"
refused 78 "a link instead of data_dir" "cannot open redis.data_dir"
rm "$DIR"; mv "$DIR.real" "$DIR"
fingerprint "$ROOT/victim" >"$ROOT/victim.2"; check_same "what the links name is untouched" "$ROOT/victim.1" "$ROOT/victim.2"

# ---- without what it takes: as ever ----
anew; tool fill; damage; ctl stop
policy "port = $PORT"
check_exit 69 "without data_dir" restore
check_says "is told the manual's section" '"Loss of Redis" in backupctl-recovery(7)'
policy "port = $PORT, data_dir = \"$DIR\"" none
check_exit 69 "without a controller" restore
check_says "is told the manual's section" '"Loss of Redis" in backupctl-recovery(7)'
check_not "nothing is set aside" aside
policy "port = $PORT, data_dir = \"$DIR\""
crash_loop

# ---- a plan; a manifest that a full disk left empty; a server that is stopped ----
check "a plan restores it" $GATE --recover-plan queue --yes
check "every key is back" keys_are_back
check "what was set aside is what was damaged" set_aside_is_whole
check "commit" commit
ctl stop; touch "$ROOT/once"; rm -rf "$DIR"/*.damaged-*; : >"$AOF/appendonly.aof.manifest"
check "an empty manifest, of a server that stands still" restore
check_says "is damage" "its append-only files were damaged"
check "every key is back" keys_are_back
check "it runs, for that is what was asked for" ctl status
check "commit" commit
ctl stop; rm -rf "$AOF"; touch "$ROOT/once"; echo garbage >"$DIR/appendonly.aof"; echo '--no-such-setting 1' >"$ROOT/settings"
check_exit 69 "a damaged file of the older kind, and a server that does not start without it either" restore
check_says "the error names what was set aside" "$DIR/appendonly.aof.damaged-"
check_says "and the manual's section" '"Loss of Redis" in backupctl-recovery(7)'
check "what was set aside is there" grep -q garbage "$DIR"/appendonly.aof.damaged-*

# ---- killed ----
# killed WORDS: as soon as it said them.
killed() {
  begin "$ROOT/killed" $GATE --restore queue --archive latest --yes
  until grep -q "$1" "$ROOT/killed"; do kill -0 "$begun" 2>/dev/null || break; sleep 0.02; done
  kill -9 "$begun" 2>/dev/null; wait "$begun" 2>/dev/null
}
for words in 'checking the append-only' 'set aside as' 'keeping what'; do
  anew; tool fill; damage
  killed "$words"
  sleep 0.3
  check "killed at \"$words\": said again" restore
  check "every key is back" keys_are_back
  check "what was set aside is what was damaged" set_aside_is_whole
  check "commit" commit
done
for round in 1; do
  anew; tool fill; damage
  begin "$ROOT/killed" $GATE --restore queue --archive latest --yes
  until grep -q 'stopping the service' "$ROOT/killed"; do kill -0 "$begun" 2>/dev/null || break; sleep 0.02; done
  sleep "0.$((RANDOM % 10))"; kill -9 "$begun" 2>/dev/null; wait "$begun" 2>/dev/null
  check "killed at random, round $round: said again" restore
  check "every key is back" keys_are_back
  check "what was set aside is what was damaged" set_aside_is_whole
  check "commit" commit
done

# What an attempt that was broken off had kept is not given up for an empty server.
anew; redis-cli -p "$PORT" mset mine 1 yours 2 >/dev/null; tool digest >"$ROOT/own"
check "a restore" restore
printf '?not touched\n' >"$STATE/kept/queue.part"     # as one leaves it that is killed before it empties the server
damage
check "of a server that was damaged since, said again" restore
check "and rolled back" $GATE --restore-rollback queue
tool digest >"$ROOT/own.now"; check_same "gives what was there before the first" "$ROOT/own" "$ROOT/own.now"

check_not "nothing is left in the spool" compgen -G "$STATE/spool/*"
e2e_end
