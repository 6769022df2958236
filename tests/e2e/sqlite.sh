#!/bin/bash
# The scheduler's own database, copied from inside its container by backup-client --sqlite-snapshot, while a thousand transactions a
# second go on; killed at random; with what goes wrong.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
e2e_install
getent passwd scheduler >/dev/null || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin scheduler
chmod 711 "$ROOT"
DIR=$ROOT/data
install -d -o scheduler -m 700 "$DIR"
LOAD=$ROOT/load.py; install -m 755 "$E2E_SOURCE/tests/e2e/sqlite_load.py" "$LOAD"
snapshot() { as_scheduler LIGHTFLOW_DATA_DIR="$DIR" $CLIENT --sqlite-snapshot "$@"; }
committed() { cat "$DIR/progress" 2>/dev/null | sed 's/^0*//'; }
start_writer() { # MODE
  : >"$ROOT/writer"
  as_scheduler "$LOAD" write "$DIR/lightflow.db" "$1" "$DIR/progress" >"$ROOT/writer" 2>&1 </dev/null &
  echo $! >"$ROOT/pids/writer"; disown
  wait_for 20 eval '[ "$(committed)" -gt 100 ] 2>/dev/null'
}
# Its rate has to be said when it ends.
stop_writer() { pkill -TERM -P "$(cat "$ROOT/pids/writer")"; wait_for 20 test -s "$ROOT/writer"; rm -f "$ROOT/pids/writer"; }
# SNAPSHOTS copies, each checked; the first that is wrong is shown.
rounds() {
  local i before
  for ((i = 1; i <= $1; i++)); do
    before=$(committed)
    snapshot >"$out" 2>&1 && "$LOAD" check "$DIR/backup/lightflow.db" "$before" >>"$out" 2>&1 || { echo "copy $i"; return 1; }
  done
}

for mode in WAL DELETE; do
  rm -rf "$DIR"/*
  start_writer $mode
  check "$mode: ${SQLITE_ROUNDS:-50} copies under load, each whole and a prefix of what was committed" rounds "${SQLITE_ROUNDS:-50}"
  stop_writer; echo "# $mode: $(cat "$ROOT/writer")"      # a thousand where the machine gives them
done
check "the copy is its owner's alone" test "$(stat -c '%U %a' "$DIR/backup")" = "scheduler 700"

# Killed at random: the last good copy is whole, and the next run goes through.
start_writer WAL
killed=0
for ((i = 1; i <= 30; i++)); do
  before=$("$LOAD" check "$DIR/backup/lightflow.db" 0 2>&1) || { fail "killed, round $i" "$before"; break; }
  snapshot >"$ROOT/killed" 2>&1 & pid=$!
  sleep "$(awk -v n=$RANDOM 'BEGIN { print n / 32768 * 0.12 }')"
  kill -9 $pid 2>/dev/null && killed=$((killed + 1)); wait $pid 2>/dev/null
done
check "killed at random, $killed times of 30: the last copy is whole" "$LOAD" check "$DIR/backup/lightflow.db" 0
check "… and the next goes through" snapshot
check_not "… nothing is left" compgen -G "$DIR/backup/*.partial*"
stop_writer

# By name, and what is beside the destination.
install -d -o scheduler "$ROOT/to" "$ROOT/src"
cp "$DIR/lightflow.db" "$ROOT/src/other.db"; chown scheduler "$ROOT/src/other.db"; chmod 640 "$ROOT/src/other.db"
printf 'stale' >"$ROOT/to/copy.db-wal"; chown scheduler "$ROOT/to/copy.db-wal"
check "a source and a destination by name" snapshot "$ROOT/src/other.db" "$ROOT/to/copy.db"
check "… whole, and nothing stale beside it" "$LOAD" check "$ROOT/to/copy.db" 1
check "… with the source's mode" test "$(stat -c %a "$ROOT/to/copy.db")" = 640
cp "$ROOT/to/copy.db" "$ROOT/good.db"
sqlite3_wal() { as_scheduler python3 -c 'import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute("PRAGMA journal_mode=WAL"); db.execute("CREATE TABLE IF NOT EXISTS late (n)"); db.execute("INSERT INTO late VALUES (1)"); db.commit(); os._exit(0)' "$1"; }
sqlite3_wal "$ROOT/src/other.db"; ln -s other.db "$ROOT/src/link.db"; ln "$ROOT/src/other.db" "$ROOT/to/hard.db"
for same in "$ROOT/src/other.db" "$ROOT/src/link.db" "$ROOT/to/hard.db"; do
  check_exit 78 "the database itself as its copy, by ${same##*/}: 78" snapshot "$ROOT/src/other.db" "$same"
done
check "… what was committed last lies beside it still" test -s "$ROOT/src/other.db-wal"
rm "$ROOT/src/link.db" "$ROOT/to/hard.db"
chmod 440 "$ROOT/src/other.db"
check "a source that is read-only" snapshot "$ROOT/src/other.db" "$ROOT/to/read-only.db"
check "… with its mode" test "$(stat -c %a "$ROOT/to/read-only.db")" = 440
chmod 640 "$ROOT/src/other.db"
check_exit 64 "a source alone: 64" snapshot "$ROOT/src/other.db"
check_exit 78 "no such database: 78" snapshot "$ROOT/src/nothing.db" "$ROOT/to/copy.db"
check_exit 78 "no such directory: 78" snapshot "$ROOT/src/other.db" "$ROOT/nowhere/copy.db"
head -c 100000 /dev/urandom >"$ROOT/src/none.db"; chown scheduler "$ROOT/src/none.db"
check_exit 65 "no database: 65" snapshot "$ROOT/src/none.db" "$ROOT/to/copy.db"
check_says "… one line" "is no SQLite database"
cp "$ROOT/src/other.db" "$ROOT/src/torn.db"; chown scheduler "$ROOT/src/torn.db"
dd if=/dev/urandom of="$ROOT/src/torn.db" bs=4096 seek=5 count=20 conv=notrunc status=none
check_exit 65 "a damaged one: 65" snapshot "$ROOT/src/torn.db" "$ROOT/to/copy.db"
check_says "… the copy before stays" "the copy that was there before stays"
check_same "… byte for byte" "$ROOT/good.db" "$ROOT/to/copy.db"
check "one whose schema has all that a good one may have" eval 'as_scheduler "$LOAD" odd "$ROOT/src/odd.db" && snapshot "$ROOT/src/odd.db" "$ROOT/to/odd.db"'
rm "$ROOT/src/odd.db" "$ROOT/to/odd.db"
# CHECKs are evaluated for each row, whoever wrote them.
for kind in slow long; do as_scheduler "$LOAD" $kind "$ROOT/src/$kind.db"; done
check_exit 65 "one that keeps whoever checks it busy: 65, before long" as_scheduler timeout 100 $CLIENT --sqlite-snapshot "$ROOT/src/slow.db" "$ROOT/to/copy.db"
check_says "… says so" "far more work than a good database of its size needs"
check_exit 65 "one whose CHECKs make values of a gigabyte: 65" snapshot "$ROOT/src/long.db" "$ROOT/to/copy.db"
check_says "… says so" "values far longer than the whole database"
check_same "… byte for byte what it was" "$ROOT/good.db" "$ROOT/to/copy.db"
mkdir "$ROOT/small"; mount -t tmpfs -o size=256k,mode=777 none "$ROOT/small"
check_exit 74 "a full disk: 74" snapshot "$ROOT/src/other.db" "$ROOT/small/copy.db"
check_not "… nothing is left there" compgen -G "$ROOT/small/*"
umount "$ROOT/small"
check_exit 69 "another copy to the same place is under way: 69" as_scheduler flock "$ROOT/to/copy.db.partial" $CLIENT --sqlite-snapshot "$ROOT/src/other.db" "$ROOT/to/copy.db"
chmod 555 "$ROOT/src"
check_exit 78 "a database in WAL mode whose directory cannot be written: 78" snapshot "$ROOT/src/other.db" "$ROOT/to/copy.db"
check_says "… says so" "cannot be written"
chmod 755 "$ROOT/src"
rm -f "$ROOT/to/copy.db.partial"
check "an empty database" eval 'install -o scheduler /dev/null "$ROOT/src/empty.db"; snapshot "$ROOT/src/empty.db" "$ROOT/to/empty.db"'
check_same "after all of it the good copy is as it was" "$ROOT/good.db" "$ROOT/to/copy.db"
e2e_end
