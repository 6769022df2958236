#!/bin/bash
# Databases of a tree (policy: sqlite) in its archive and its mirror: consistent copies in place of the live files, under a thousand
# transactions a second; killed at random; with what goes wrong; and back again.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
e2e_install
getent passwd scheduler >/dev/null || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin scheduler
chmod 711 "$ROOT"
TREE=/media/ssd/lightflow SPOOL=$STATE/spool PROGRESS=$ROOT/progress/committed
LOAD=$ROOT/load.py; install -m 755 "$E2E_SOURCE/tests/e2e/sqlite_load.py" "$LOAD"
mkdir -p /media/ssd; install -d -o scheduler -m 700 "$TREE"; install -d -o scheduler "$ROOT/progress"
policy() {  # [LINE…] further lines of the service; the last `sqlite =` holds
  local line sqlite='sqlite = ["lightflow.db"]' more=
  for line; do case $line in sqlite*) sqlite=$line ;; *) more+=$line$'\n' ;; esac; done
  write_policy - <<POLICY
[controller.plain]
kind = "command"
stop = ["/usr/bin/true"]
start = ["/usr/bin/true"]
[service.lightflow]
path = "$TREE"
remotes = ["disk"]
$sqlite
$more
POLICY
}
policy 'consistency = "hot"'
as() { setpriv --reuid=scheduler --regid=scheduler --clear-groups env -i PATH=/usr/bin:/bin "$@"; }
committed() { sed 's/^0*//' "$PROGRESS" 2>/dev/null; }
# Beside the database what a guard of the mirror needs to be one: more than a file.
fresh() { rm -rf "$TREE"/* "$PROGRESS"; as sh -c 'for i in $(seq 20); do echo $i >"$1/$i.txt"; done' sh "$TREE"; }
start_writer() { # MODE [HAS]
  : >"$ROOT/writer"; rm -f "$PROGRESS"
  as "$LOAD" write "$TREE/lightflow.db" "$1" "$PROGRESS" >"$ROOT/writer" 2>&1 </dev/null &
  echo $! >"$ROOT/pids/writer"; disown
  wait_for 20 eval '[ "$(committed)" -gt '$((${2:-0} + 100))' ] 2>/dev/null'
}
stop_writer() { pkill -TERM -P "$(cat "$ROOT/pids/writer")"; wait_for 20 test -s "$ROOT/writer"; rm -f "$ROOT/pids/writer"; }
kill_writer() { pkill -KILL -P "$(cat "$ROOT/pids/writer")"; rm -f "$ROOT/pids/writer"; sleep 0.2; }
sql() { as python3 -c 'import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[3:]: db.execute(statement)
if sys.argv[2] == "close": db.close()
os._exit(0)' "$@"; }
ARCHIVES=$ROOT/disk/lightflow/archives MIRROR=$ROOT/disk/lightflow/data TODAY=$(date +%F)
archive() { $GATE --archive lightflow --replace; }
restored() { rm -rf "$ROOT/restored"; $GATE --restore lightflow --archive latest --to "$ROOT/restored"; }
good() { # FILE AT-LEAST
  local file; for file in -wal -shm -journal; do [ ! -e "$1$file" ] || { echo "$1$file is there"; return 1; }; done
  "$LOAD" check "$1" "${2:-0}"
}
nothing_left() { [ -z "$(ls -A "$SPOOL")" ]; }
# rounds NUMBER: archives, each restored, whole and a prefix of what was committed; the first that is wrong is shown.
rounds() {
  local i before
  for ((i = 1; i <= $1; i++)); do
    before=$(committed)
    archive >"$ROOT/said" 2>&1 && restored >>"$ROOT/said" 2>&1 && good "$ROOT/restored/data/lightflow.db" "$before" >>"$ROOT/said" 2>&1 ||
      { echo "archive $i"; cat "$ROOT/said"; return 1; }
  done
}

# Killed at random, a night each: the last good archive is whole, nothing stays in the spool, and the next run goes through.
FAKETIME_LIB=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')
[ -n "$FAKETIME_LIB" ] || { fail "libfaketime is installed"; e2e_end; }
KILLS=${SQLITE_KILLS:-10}
night() { # DAYS-AGO CMD…
  echo "@$(date -d "-$1 days" '+%F 02:00:00')" >/etc/faketimerc
  LD_PRELOAD=$FAKETIME_LIB DONT_FAKE_MONOTONIC=1 "${@:2}"
}
fresh; start_writer WAL
began=$(date +%s%N)
check "an archive" night $((KILLS + 1)) $GATE --archive lightflow
length=$((($(date +%s%N) - began) / 1000000))
whole() { rm -rf "$ROOT/restored"; night "$1" $GATE --restore lightflow --archive latest --to "$ROOT/restored" && good "$ROOT/restored/data/lightflow.db" 1; }
failed=$E2E_FAILED killed=0
for ((i = KILLS; i >= 1; i--)); do
  begin "$ROOT/said" night $i $GATE --archive lightflow; pid=$begun
  sleep "$(awk -v n=$RANDOM -v m=$length 'BEGIN { print n / 32768 * m / 1000 }')"
  pkill -KILL -P $pid && killed=$((killed + 1)); wait $pid 2>/dev/null
  whole $i >"$ROOT/said" 2>&1 || fail "night $i" "$(tail -3 "$ROOT/said")"
done
check "killed at random, $killed times of $KILLS: the last archive is whole" test $failed = $E2E_FAILED
check "… the next goes through" archive
check "… nothing is left in the spool" nothing_left
check "… it is whole" eval 'restored && good "$ROOT/restored/data/lightflow.db"'
stop_writer

for mode in WAL DELETE; do
  fresh
  start_writer $mode
  check "$mode: ${SQLITE_ROUNDS:-5} archives under load, each restored whole, a prefix of what was committed" rounds "${SQLITE_ROUNDS:-5}"
  check_not "… without -wal, -shm and -journal" grep -qE 'lightflow\.db-' "$ARCHIVES/lightflow-$TODAY.tar.gz.manifest.json"
  check "… with the live file's owner and mode" test "$(stat -c '%U %a' "$ROOT/restored/data/lightflow.db")" = "$(stat -c '%U %a' "$TREE/lightflow.db")"
  before=$(committed)
  check "… a mirror" $GATE --sync lightflow
  check "… whole as well" good "$MIRROR/lightflow.db" "$before"
  sleep 0.3; before=$(committed)
  check "… mirrored again: what was committed since" eval '$GATE --sync lightflow && good "$MIRROR/lightflow.db" "$before"'
  check "… which a restore takes" $GATE --restore lightflow --mirror --to "$ROOT/mirrored"; rm -rf "$ROOT/mirrored"
  stop_writer; echo "# $mode: $(cat "$ROOT/writer")"      # a thousand where the machine gives them
done
check "nothing is left in the spool" nothing_left
check_not "nothing was written into the tree" eval 'ls -A "$TREE" | grep -vxE "lightflow.db|[0-9]*.txt"'

fresh; start_writer WAL
kill_writer
check "its writer was killed, with -wal and -shm left" test -s "$TREE/lightflow.db-wal" -a -s "$TREE/lightflow.db-shm"
before=$(committed)
check "… an archive has all that was committed" eval 'archive && restored && good "$ROOT/restored/data/lightflow.db" "$before"'
rm "$TREE/lightflow.db-shm"
check "… without the -shm as well" eval 'archive && restored && good "$ROOT/restored/data/lightflow.db" "$before"'
check "… the tree is as it was" test -s "$TREE/lightflow.db-wal" -a ! -e "$TREE/lightflow.db-shm"
sql "$TREE/lightflow.db" close 'UPDATE total SET steps = steps'
check "closed cleanly, in WAL mode: nothing beside it" test ! -e "$TREE/lightflow.db-wal" -a ! -e "$TREE/lightflow.db-shm"
check "… an archive of it" eval 'archive && restored && good "$ROOT/restored/data/lightflow.db" "$before"'
check "… nothing was made beside it" test ! -e "$TREE/lightflow.db-wal" -a ! -e "$TREE/lightflow.db-shm"
check_not "… no warning of it" eval 'archive 2>&1 | grep "may be written"'
policy 'consistency = "hot"' 'sqlite = []'
check "one that is not named is copied as any file" archive
check_says "… with a warning" "may not be readable in the backup: name it in the service's sqlite: lightflow.db"
policy 'consistency = "hot"'

# A journal to be rolled back: the transaction that was broken off is in no archive.
as python3 - "$TREE/lightflow.db" <<'PY'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for words in ("PRAGMA journal_mode=DELETE", "PRAGMA cache_size=1", "PRAGMA cache_spill=1", "BEGIN IMMEDIATE", "UPDATE step SET filling = zeroblob(100)", "UPDATE total SET steps = 7"): db.execute(words)
os._exit(0)
PY
check "a transaction was broken off" test -s "$TREE/lightflow.db-journal"
check "… the archive has what was before it" eval 'archive && restored && good "$ROOT/restored/data/lightflow.db" "$before"'
check "… the tree is as it was" test -s "$TREE/lightflow.db-journal"

# What is committed into the -wal changes neither size nor time of the database, and yet is mirrored.
sql "$TREE/lightflow.db" left 'PRAGMA journal_mode=WAL' 'CREATE TABLE late (n)' 'INSERT INTO late VALUES (1)'
check "a mirror" $GATE --sync lightflow
stat -c '%s %Y' "$TREE/lightflow.db" >"$ROOT/before"
# rclone finds no place in its cage to try how exact times are, and takes them for seconds.
# rclone finds no place in its cage to try how exact times are, and takes them for whole seconds.
sleep 1.1; sql "$TREE/lightflow.db" left 'UPDATE late SET n = 2'
check_same "committed into the -wal alone" "$ROOT/before" <(stat -c '%s %Y' "$TREE/lightflow.db")
check "… mirrored again" $GATE --sync lightflow
check "… the mirror has it" test "$(python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT n FROM late").fetchone()[0])' "$MIRROR/lightflow.db")" = 2

# Back in place: what lies beside the database goes with it, and comes back.
sql "$TREE/lightflow.db" close 'PRAGMA journal_mode=DELETE'
before=$(python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT steps FROM total").fetchone()[0])' "$TREE/lightflow.db")
check "closed: an archive" archive
check "… which the tree still is" good "$TREE/lightflow.db" "$before"
start_writer WAL "$before"; kill_writer
check "a stale -wal and -shm lie in the tree" test -s "$TREE/lightflow.db-wal" -a -s "$TREE/lightflow.db-shm"
(cd "$TREE" && sha256sum lightflow.db*) >"$ROOT/old"
check "the database alone, in place, with a stale -wal beside it" $GATE --restore lightflow --only lightflow.db --yes
check "… is whole and what was archived" good "$TREE/lightflow.db" "$before"
check "… and no more than that" eval '! good "$TREE/lightflow.db" $((before + 1))'
check "… rolled back" $GATE --restore-rollback lightflow
check "… with all that lay beside it" eval '(cd "$TREE" && sha256sum lightflow.db*) >"$ROOT/now"; cmp "$ROOT/old" "$ROOT/now"'
check "restored again" $GATE --restore lightflow --only lightflow.db --yes
check "… and kept" $GATE --restore-commit lightflow
check "… whole, and what was archived" good "$TREE/lightflow.db" "$before"

# What goes wrong: one sentence, its code, and the last good archive and mirror as they were.
(cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/kept"
mv "$TREE/lightflow.db" "$ROOT/good.db"
bad() { # CODE TITLE WORDS
  check_exit "$1" "$2: $1" archive
  check_says "… says so" "$3"
  check_exit "$1" "… nor is it mirrored" $GATE --sync lightflow
  (cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/now"
  check_same "… what was there before is there" "$ROOT/kept" "$ROOT/now"
  rm -rf "$TREE/lightflow.db" "$TREE"/lightflow.db-*
}
put() { as cp "$ROOT/good.db" "$TREE/lightflow.db"; }
chmod 644 "$ROOT/good.db"
bad 78 "no such database" "lightflow.db"
check "… --check-policy warns of it" $GATE --check-policy
check_says "… by its name" "lightflow.db is no file in $TREE"
put; as dd if=/dev/urandom of="$TREE/lightflow.db" bs=4096 seek=5 count=20 conv=notrunc status=none
bad 65 "a damaged one" "lightflow.db"
as sh -c 'head -c 100000 /dev/urandom >"$1"' sh "$TREE/lightflow.db"
bad 65 "no database, or an encrypted one" "no SQLite database, or a damaged or encrypted one"
as ln -s /etc/passwd "$TREE/lightflow.db"; bad 78 "a symbolic link" "lightflow.db"
as mkfifo "$TREE/lightflow.db"; bad 78 "a FIFO" "is no plain file"
as mkdir "$TREE/lightflow.db"; bad 78 "a directory" "is no plain file"
put; as mkfifo "$TREE/lightflow.db-journal"
check "a FIFO by a journal's name keeps nobody waiting" timeout 60 $GATE --archive lightflow --replace
rm "$TREE/lightflow.db-journal"; archive >"$out" 2>&1
(cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/kept"
policy 'consistency = "hot"' 'sqlite = ["inner/lightflow.db"]'
install -d -o scheduler "$ROOT/elsewhere"; cp "$ROOT/good.db" "$ROOT/elsewhere/lightflow.db"; as ln -s "$ROOT/elsewhere" "$TREE/inner"
bad 78 "a path through a link" "inner/lightflow.db"
rm "$TREE/inner"; policy 'consistency = "hot"' 'exclude = ["*.db"]'
put; bad 78 "one that exclude leaves out" "left out by the policy's exclude"
policy 'consistency = "hot"' 'exclude = ["inner/**"]' 'sqlite = ["inner/lightflow.db"]'
as mkdir "$TREE/inner"; as cp "$ROOT/good.db" "$TREE/inner/lightflow.db"; bad 78 "one in a directory that exclude leaves out" "left out by the policy's exclude"
rm -r "$TREE/inner"
policy 'consistency = "hot"'
put; : >"$ROOT/locked"
as python3 -c 'import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute("PRAGMA journal_mode=DELETE"); db.execute("BEGIN EXCLUSIVE"); print("locked", flush=True); time.sleep(600)' "$TREE/lightflow.db" >"$ROOT/locked" & echo $! >"$ROOT/pids/locked"; disown
wait_for 20 grep -q locked "$ROOT/locked"
check_exit 69 "locked all the time: 69" archive
check_says "… says so" "has held it locked all the time"
pkill -KILL -P "$(cat "$ROOT/pids/locked")"; rm "$ROOT/pids/locked"
put; as "$LOAD" slow "$TREE/slow.db"; mv "$TREE/slow.db" "$TREE/lightflow.db"
bad 65 "one that keeps whoever checks it busy" "far more work than a good database of its size needs"
# Its room is half of what is free: of one that is large out of nothing no byte is copied, and one that grows meanwhile ends there.
mount -t tmpfs -o size=16k,mode=700 none "$SPOOL"
put; check_exit 74 "no room in the spool: 74" archive
check_says "… says so" "make room there"
umount "$SPOOL"; mount -t tmpfs -o size=40m,mode=700 none "$SPOOL"
put; archive >"$out" 2>&1; check "with room: an archive" archive
(cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/kept"
as truncate -s 1T "$TREE/lightflow.db"
bad 74 "a terabyte out of nothing" "(sqlite) have 1.1 TB"
grow_while() {
  put; : >"$ROOT/locked"; rm -f "$TREE/go"
  as python3 - "$TREE" <<'PY' >"$ROOT/locked" & echo $! >"$ROOT/pids/locked"; disown
import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1] + "/lightflow.db", isolation_level=None); db.execute("PRAGMA journal_mode=DELETE"); db.execute("BEGIN EXCLUSIVE"); print("locked", flush=True)
while not os.path.exists(sys.argv[1] + "/go"): time.sleep(0.05)
db.execute("CREATE TABLE grown (b)"); db.execute("INSERT INTO grown VALUES (randomblob(30000000))"); db.execute("COMMIT")
PY
  wait_for 20 grep -q locked "$ROOT/locked"
  begin "$ROOT/said" archive; pid=$begun
  wait_for 30 grep -q "copying the databases" "$ROOT/said"; as touch "$TREE/go"
  wait $pid
}
check_exit 74 "one that grows while it is copied: 74" grow_while
cp "$ROOT/said" "$out"; check_says "… says so" "it grew beyond half of what was free"
rm -f "$ROOT/pids/locked" "$TREE/go" "$TREE/lightflow.db"
umount "$SPOOL"
put
(cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/now"
check_same "… what was there before is there" "$ROOT/kept" "$ROOT/now"

# Replaced by another file while the tree is read: what lies there then is not its copy.
head -c 60000000 /dev/urandom >"$TREE/0-first.bin"
replace_while() { # VERB WORDS
  begin "$ROOT/said" $GATE $1; pid=$begun
  wait_for 30 grep -q "$2" "$ROOT/said"; as sh -c 'cp "$1" "$2/next" && mv "$2/next" "$2/lightflow.db"' sh "$ROOT/good.db" "$TREE"
  wait $pid
}
check_exit 69 "replaced while the tree is read: 69" replace_while "--archive lightflow --replace" "reading and compressing"
cp "$ROOT/said" "$out"; check_says "… says so" "replaced by another file while the tree was read"
rm "$TREE/0-first.bin"
(cd "$ROOT/disk" && find . -type f -exec sha256sum {} +) | sort >"$ROOT/now"
check_same "… what was there before is there" "$ROOT/kept" "$ROOT/now"

# A snapshot of a service that stood still holds -wal and -shm; beneath a directory, with attributes and a list.
as mkdir "$TREE/inner"; as cp "$ROOT/good.db" "$TREE/inner/odd: name.db"; as chmod 640 "$TREE/inner/odd: name.db"
setfattr -n user.note -v kept "$TREE/inner/odd: name.db"; setfacl -m u:1234:r "$TREE/inner/odd: name.db"
sql "$TREE/inner/odd: name.db" left 'PRAGMA journal_mode=WAL' 'CREATE TABLE late (n)' 2>/dev/null
policy 'consistency = "snapshot"' 'controller = "plain"' 'sqlite = ["lightflow.db", "inner/odd: name.db"]'
check "a snapshot" $GATE --backup lightflow
check "… its archive" eval 'archive && restored'
check "… has what lay in the -wal" python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("SELECT * FROM late")' "$ROOT/restored/data/inner/odd: name.db"
check_not "… and no -wal" compgen -G "$ROOT/restored/data/inner/*-wal"
check "… owner, mode, attributes and list" eval 'diff <(cd "$TREE" && getfacl -pn "inner/odd: name.db"; getfattr -d "$TREE/inner/odd: name.db" | tail -n +2) <(cd "$ROOT/restored/data" && getfacl -pn "inner/odd: name.db"; getfattr -d "$ROOT/restored/data/inner/odd: name.db" | tail -n +2)'
check "… the mirror is restored as well" $GATE --restore lightflow --mirror --to "$ROOT/mirrored"
check "nothing is left in the spool" nothing_left
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
