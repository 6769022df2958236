#!/bin/bash
# An application with a database, a queue and a bucket, backed up while it is written to; then everything is destroyed, and each
# store alone. What brings them back are the commands that backupctl-recovery(7) gives, read from it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"
export LC_ALL=C.UTF-8
MANUAL=$E2E_SOURCE/man/backupctl-recovery.7

# ---- the manual ----
# of_section TITLE: what the manual's section holds.
of_section() { sed -n "/^\.Ss $1\$/,/^\.S[sh] /p" "$MANUAL"; }
# from_manual CODE SECTION WORDS TITLE: runs the first command of that section that begins with these words, as it stands there;
# where it lets a person be asked, here is nobody to answer.
from_manual() {
  local command
  command=$(of_section "$2" | sed -nE 's/^(\.Dl )?backupctl (--[^#]*)(#.*)?$/\2/p' | sed -E 's/ +$//' | grep -m 1 -E -- "^$3( |\$)") ||
    { fail "recovery(7), $2, has a command that begins with $3"; return; }
  case $command in *--yes*|*--dry-run*|*--to\ *|*--into\ *) ;; --restore\ *|--recover-plan\ *) command="$command --yes" ;; esac
  # shellcheck disable=SC2086  # words of a command
  check_exit "$1" "$4: backupctl $command" $GATE ${command//\/srv\//$ROOT/}
}
# as_manual COMMAND TITLE: the command of the section of databases that begins so, run by the servers' superuser; what asks for a
# password twice is told it.
as_manual() {
  local command
  command=$(of_section "$DATABASE" | sed -nE 's/^(\.Dl )?sudo -u postgres (.*)/\2/p' | grep -m 1 -- "^$1") ||
    { fail "recovery(7), $DATABASE, has a command of postgres' that begins with $1"; return 1; }
  printf '%s\n' "$PGSECRET" "$PGSECRET" >"$ROOT/typed"
  check "$2: $command" as_postgres env -C / PGHOST="$ROOT/pgsocket" PGPORT="$PGPORT" setsid -w bash -c "$command <$ROOT/typed"
}
# by_hand: what that section does without backupctl, once the files are fetched. Here no password is wanted of postgres.
by_hand() {
  of_section "$DATABASE" | sed -n '/^X=/,/^Into a database/p' | sed '/^\.Ed/,/^\.Bd/d' |
    sed "s/\\\\e/\\\\/g; s/2026-03-29/$(date +%F)/g; s/ -h localhost//g" >"$ROOT/by-hand"
  env -C "${DUMP%/*}" PGHOST="$ROOT/pgsocket" PGPORT="$PGPORT" bash -euo pipefail "$ROOT/by-hand"
}
ORDER='Several services, in order' DATABASE='Loss of a database' QUEUE='Loss of Redis' BUCKET='Loss of the object store'

# ---- the stores ----
SERVICES=(controller-db queue briefs) QUEUEPORT=$(free_port)
DUMP=$ROOT/disk/controller-db/archives/controller-db-$(date +%F).dump MIRROR=$ROOT/disk/briefs/data
# A cluster without anything, made once: initdb takes its time.
new_server() {
  if [ -e "$ROOT/cluster" ]; then cp -a "$ROOT/cluster" "$PGDATA"; else make_postgres && cp -a "$PGDATA" "$ROOT/cluster"; fi
  start_postgres
}
new_database() { new_server && as_manual 'createuser --superuser' "recovery(7), an empty server"; }
new_queue() { start_redis queue "$QUEUEPORT" --appendonly yes; }
queue_tool() { python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$QUEUEPORT" "$@"; }
lose_database() { stop_postgres immediate; rm -rf "$PGDATA"; }
lose_queue() { stop_redis queue; rm -rf "$ROOT/redis-queue"; }
lose_bucket() { end_pid "$ROOT/pids/s3"; rm -rf "$ROOT/s3"; }
lose_all() { lose_database; lose_queue; lose_bucket; }
new_all() { new_database; new_queue && start_s3; }
on_clean() { stop_postgres immediate 2>/dev/null; }

# Keys with their sizes, and with the MD5 of what is downloaded.
objects_of() { ( s3 md5sum --download "$1" && s3 lsf -R --files-only --format ps "$1") 2>/dev/null | sort; }
invariant() { [ "$(sql "$1" 'select sum(bbalance) from pgbench_branches')" = "$(sql "$1" 'select sum(delta) from pgbench_history')" ]; }
database_is_back() { digest_of controller >"$ROOT/now" && diff "$ROOT/rows" "$ROOT/now" && invariant controller; }
queue_is_back() { queue_tool digest >"$ROOT/now" && diff "$ROOT/keys" "$ROOT/now"; }
bucket_is_back() { objects_of minio:kohakku >"$ROOT/now"; diff "$ROOT/objects" "$ROOT/now"; }
all_is_back() {
  check "$1: every row, and pgbench's sums agree" database_is_back
  check "$1: every key of the queue and what it holds" queue_is_back
  check "$1: every object's key, size and MD5" bucket_is_back
}

# ---- the application: it has connections to its database and its queue, and writes down what there is when it is stopped and
# started ----
make_app() {
  cat >/usr/local/bin/controller <<EOP
#!/bin/bash
runs() { [ -s $ROOT/pids/controller ] && kill -0 -- -\$(cat $ROOT/pids/controller) 2>/dev/null; }
rows() { psql -XAtq -h $ROOT/pgsocket -p $PGPORT -U postgres -d controller -c 'select count(*) from pgbench_accounts' 2>/dev/null || echo none; }
objects() { find $ROOT/s3/kohakku -name '*._S3rver_object' 2>/dev/null | wc -l; }
queues() { redis-cli -p $QUEUEPORT info keyspace 2>/dev/null | grep -c ^db; }
case \$1 in
  status) runs || exit 3 ;;
  stop) echo "stop rows \$(rows) objects \$(objects) queues \$(queues)" >>$ROOT/controller.log
    runs || exit 0; kill -- -\$(cat $ROOT/pids/controller); rm $ROOT/pids/controller ;;
  start) echo "start rows \$(rows) objects \$(objects) queues \$(queues)" >>$ROOT/controller.log
    export PGPASSFILE=$ROOT/pgpass
    setsid bash -c 'while :; do echo "select 1 \\watch 0.2" | psql -Xq -h 127.0.0.1 -p $PGPORT -U kohakku -d controller; sleep 0.1; done & python3 $E2E_SOURCE/tests/e2e/redis_tool.py $QUEUEPORT hold 3600; wait' \\
      </dev/null >/dev/null 2>&1 &
    echo \$! >$ROOT/pids/controller
    for i in \$(seq 100); do runs && break; sleep 0.05; done ;;   # setsid takes its moment
esac
EOP
  chmod 755 /usr/local/bin/controller
}
app() { /usr/local/bin/controller "$@"; }
connected() { [ "$(sql postgres "select count(*) from pg_stat_activity where datname = 'controller' and usename = 'kohakku'")" = 1 ]; }
app_runs() { app status && wait_for 5 connected; }
# ordered TITLE ROWS OBJECTS QUEUES: it was stopped when there was this, before the first restore, and started when there was all.
ordered() {
  printf 'stop rows %s objects %s queues %s\nstart rows 200000 objects %s queues 5\n' "$2" "$3" "$4" "$OBJECTS" >"$ROOT/events"
  check "$1: the application was stopped before the first restore, and started when all was there" diff "$ROOT/events" "$ROOT/controller.log"
  check "… it runs" app_runs
}

# ---- the policy: its plan is the manual's ----
policy() {
  echo "$PGSECRET" >/etc/backupctl/backup.pw; chmod 600 /etc/backupctl/backup.pw
  write_policy - <<TOML
[remote.minio]
root = "kohakku"
[controller.controller]
kind = "command"
stop = ["/usr/local/bin/controller", "stop"]
start = ["/usr/local/bin/controller", "start"]
status = ["/usr/local/bin/controller", "status"]
[service.controller-db]
postgres = { host = "localhost", port = $PGPORT, user = "backup", database = "controller", password_file = "/etc/backupctl/backup.pw", globals = true, sslmode = "verify-full", sslrootcert = "$ROOT/postgres-ca.crt" }
remotes = ["disk"]
[service.briefs]
bucket = { remote = "minio", prefixes = ["briefs", "skills"] }
remotes = ["disk"]
[service.queue]
redis = { port = $QUEUEPORT }
remotes = ["disk"]
$(of_section "$ORDER" | grep -A 1 '^\[recovery')
[recovery.database]
steps = ["controller-db", "start:controller"]
[recovery.queue]
steps = ["queue", "start:controller"]
TOML
}

# ---- real load, and what is backed up meanwhile ----
e2e_install
make_app
(umask 077; : >"$CONF")
printf '127.0.0.1:%s:*:kohakku:%s\n' "$PGPORT" "$PGSECRET" >"$ROOT/pgpass"; chmod 600 "$ROOT/pgpass"
new_server && new_queue && start_s3 || { fail "the servers run"; e2e_end; }
sql postgres "create role kohakku login password '$PGSECRET'; create role backup login password '$PGSECRET'; grant pg_read_all_data to backup"
policy
check "the policy, with the plan that the manual shows" $GATE --check-policy
sql postgres 'create database controller owner kohakku'
sql postgres "alter role kohakku in database controller set application_name to 'the controller'"
bench() { PGPASSWORD=$PGSECRET "$PGBIN/pgbench" -h 127.0.0.1 -p "$PGPORT" -U kohakku "$@" controller; }
bench -i -q -s 2 --foreign-keys >/dev/null 2>&1
sql controller "create table runs (id int primary key, note text); insert into runs select i, 'run ' || i || E'\n\tü' from generate_series(1, 3000) i; alter table runs owner to kohakku"
mkdir -p "$ROOT/new"/{briefs/2026/11,skills/a}
head -c 7000000 /dev/urandom >"$ROOT/new/briefs/in parts.bin"
for i in {1..20}; do echo "skill $i" >"$ROOT/new/skills/a/$i"; head -c $((i * 1000)) /dev/urandom >"$ROOT/new/briefs/2026/11/ü $i"; done
s3 mkdir minio:kohakku && s3 copy "$ROOT/new" minio:kohakku || fail "the bucket is filled"
queue_tool fill || fail "the queue is filled"
app start
check "the application runs" app_runs

begin "$ROOT/bench" bench -n -T 90 -c 4; bench=$begun
objects_written() { for ((n = 1; n < 500; n++)); do [ ! -e "$ROOT/enough" ] || return 0; head -c $((n * 500)) /dev/urandom | s3 rcat "minio:kohakku/briefs/live/$n"; done; }
begin "$ROOT/writer" objects_written; writer=$begun
begin "$ROOT/filler" python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$QUEUEPORT" write 90; filler=$begun
sleep 1
for service in "${SERVICES[@]}"; do check "$service is backed up while it is written to" $GATE --backup "$service"; done
check "… which went on all the time" kill -0 "$bench" "$writer" "$filler"
: >"$ROOT/enough"; kill $bench $filler; wait $bench $writer $filler 2>/dev/null
check "… and got somewhere" test "$(sql controller 'select count(*) from pgbench_history')" -gt 100 -a "$(s3 lsf minio:kohakku/briefs/live | wc -l)" -gt 3

# The truth is what the plain tools make of the backups; what was in the bucket then, as it was then, and one moment of the database.
sql postgres 'create database truth'
"$PGBIN/pg_restore" -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d truth "$DUMP" || fail "pg_restore of the dump"
digest_of truth >"$ROOT/rows"; check "the dump is one moment of the load" invariant truth
objects_of "$MIRROR" >"$ROOT/objects"
objects_of minio:kohakku >"$ROOT/now"
check "the mirror has objects of the load" grep -q briefs/live/ "$ROOT/objects"
check "… and each as it is in the bucket" test -z "$(comm -23 "$ROOT/objects" "$ROOT/now")"
OBJECTS=$(find "$MIRROR" -type f | wc -l)
install -d -o redis -m 700 "$ROOT/redis-truth"; install -o redis -m 600 "${DUMP%/*/*/*}"/queue/archives/queue-*.rdb "$ROOT/redis-truth/dump.rdb"
truth=$(free_port); start_redis truth "$truth"
python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$truth" digest >"$ROOT/keys"; stop_redis truth
check "the queue's dump has keys of the load" grep -q "'written 1'" "$ROOT/keys"
decide() { for service in "${SERVICES[@]}"; do $GATE --restore-commit "$service" >/dev/null 2>&1; done; : >"$ROOT/controller.log"; }

# ---- total loss: the servers and the host, of which what the manual says to keep elsewhere is there ----
mkdir "$ROOT/elsewhere"; cp "$STATE/host.pub" "$ROOT/elsewhere"
lose_all; app stop
find "$STATE" /etc/backupctl -mindepth 1 -delete
new_all && pass "a new host, with empty servers" || fail "a new host, with empty servers"
check_not "(nothing is there)" database_is_back; check_not "(nothing is there)" bucket_is_back
e2e_install; policy; (umask 077; sed '/_cutoff\|^chunk/d' "$ROOT/s3.conf" >"$CONF")
trusting=$(of_section 'After the loss of a host' | sed -n 's/^\.Dl \(install .*trusted\.d.*\)/\1/p')
# shellcheck disable=SC2086  # words of a command
check "recovery(7), loss of a host: $trusting" env -C "$ROOT/elsewhere" ${trusting:-false}
app start; : >"$ROOT/controller.log"      # somebody, or the boot, was too early
from_manual 0 "$ORDER" '--recover-plan kohakku --dry-run' "recovery(7), total loss"
for service in "${SERVICES[@]}"; do check_says "… it foresees $service" "$service  "; done
check_says "… and the application" "start:controller         runs now"
check "… nothing was touched" test ! -s "$ROOT/controller.log"
from_manual 0 "$ORDER" '--recover-plan kohakku --yes' "recovery(7), total loss"
cp "$out" "$ROOT/said"
for step in "${SERVICES[@]}" start:controller; do check "… reports $step" grep -qE "^ [1-4]\. $step +done +[0-9.]+ s " "$ROOT/said"; done
all_is_back "total loss"
ordered "total loss" none 0 0
decide

# ---- a step that fails: first the database's dump is damaged, then the mirror of the bucket ----
flip() { touch -r "$1" "$ROOT/time"; python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(700); b = f.read(1); f.seek(700); f.write(bytes([b[0] ^ 1]))' "$1"; touch -r "$ROOT/time" "$1"; }
no_database() { [ -z "$(sql postgres "select 1 from pg_database where datname = 'controller'")" ]; }
no_bucket() { [ -z "$(ls -A "$ROOT/s3")" ]; }
again() { from_manual "$1" "$ORDER" '--recover-plan kohakku --yes' "$2"; }
check "a drill of the database" $GATE --drill controller-db
lose_all; new_all
: >"$ROOT/controller.log"
from_manual 0 "$ORDER" '--recover-plan kohakku --dry-run' "all lost again"
cp "$out" "$ROOT/said"
check "… it foresees how long the database will take" grep -qE '^ 1\. controller-db .*; about [0-9.]+ s' "$ROOT/said"
flip "$DUMP"
again 65 "a flipped byte in the dump ends the plan"
check_says "… it says at which step" "step 1 of $((${#SERVICES[@]} + 1)), controller-db, failed"
check "… the database was not touched" no_database
check "… nor the queue" test "$(queue_tool count)" = 0
check "… nor the bucket" no_bucket
check_exit 3 "… and the application stands still" app status
check "… --check tells of it" bash -c "$GATE --check | grep -q 'recovery plan kohakku'"
flip "$DUMP"; flip "$MIRROR/briefs/in parts.bin"
again 65 "that is mended, and an object of the mirror is damaged"
check_says "… it says at which step" "step ${#SERVICES[@]} of $((${#SERVICES[@]} + 1)), briefs, failed"
check "… the database is back" database_is_back
check "… and the queue" queue_is_back
check "… the bucket was not touched" no_bucket
check_exit 3 "… and the application stands still" app status
flip "$MIRROR/briefs/in parts.bin"
again 0 "mended, it goes on"
check_says "… with the bucket" "going on with briefs"
all_is_back "after steps that failed"
ordered "after steps that failed" none 0 0
decide

# ---- the database alone ----
damaged() { sql controller 'delete from pgbench_history; update pgbench_branches set bbalance = 7; drop table runs'; }
night() { $GATE --backup controller-db --replace; }
as_manual "psql -c 'alter role backup nosuperuser" "recovery(7), after a restore"
check_exit 78 "(the superuser's rights are gone, and the one to read was never there)" night
as_manual "psql -c 'grant" "recovery(7), and then"
check "… the next night goes well" night
damaged
from_manual 69 "$DATABASE" '--restore controller-db' "recovery(7), loss of the database, while the application runs"
check_says "… it says how to go on" "stop what uses it"
app stop
as_manual "psql -c 'alter role backup superuser" "recovery(7), a role that may only read"
from_manual 0 "$DATABASE" '--restore controller-db' "recovery(7), the same after it was stopped"
check "every row is back" database_is_back
from_manual 0 "$DATABASE" '--restore-rollback controller-db' "recovery(7), the way back"
check "… to what was there" test "$(sql controller 'select count(*) from pgbench_history')" = 0
from_manual 0 "$DATABASE" '--restore controller-db' "recovery(7), again"
from_manual 0 "$DATABASE" '--restore-commit controller-db' "recovery(7)"
lose_database; new_database
from_manual 0 "$DATABASE" '--restore controller-db' "recovery(7), loss of its server"
all_is_back "loss of the database's server"
lose_database; new_server
check "recovery(7), loss of its server, by hand" by_hand
all_is_back "by hand"
check "… with the roles and their rights: the next night goes well" night
app start; decide
check "… and the application runs" app_runs
lose_database; new_database
check "its plan" $GATE --recover-plan database --yes
all_is_back "the plan of the database alone"
ordered "the plan of the database alone" none "$OBJECTS" 5
decide

# ---- the queue alone ----
redis-cli -p "$QUEUEPORT" flushall >/dev/null
from_manual 69 "$QUEUE" '--restore queue' "recovery(7), loss of Redis, while the application runs"
check_says "… it says how to go on" "stop what uses it"
app stop; lose_queue; new_queue
from_manual 0 "$QUEUE" '--restore queue' "recovery(7), loss of Redis"
all_is_back "loss of the queue"
stop_redis queue; new_queue
check "… and after the server was started again, from its append-only files" queue_is_back
from_manual 0 "$QUEUE" '--restore-commit queue' "recovery(7), then"
app start; decide
lose_queue; new_queue
check "its plan" $GATE --recover-plan queue --yes
all_is_back "the plan of the queue alone"
ordered "the plan of the queue alone" 200000 "$OBJECTS" 0
decide

# ---- the bucket alone ----
lose_bucket; start_s3; app stop
from_manual 0 "$BUCKET" '--verify briefs' "recovery(7), loss of the object store"
from_manual 0 "$BUCKET" '--restore briefs --mirror --yes' "recovery(7)"
all_is_back "loss of the bucket"
app start
from_manual 0 "$BUCKET" '--backup briefs' "recovery(7), then"
from_manual 0 "$BUCKET" '--restore briefs --mirror --to' "recovery(7), without an object store"
objects_of "$ROOT/restored/data" >"$ROOT/now"; check_same "… every object" "$ROOT/objects" "$ROOT/now"
decide
lose_bucket; start_s3
from_manual 0 "$ORDER" '--recover-plan kohakku --from briefs' "the whole plan from its step on"
check_says "… leaves out the steps before" "controller-db (left-out), queue (left-out)"
all_is_back "the plan from the bucket on"
ordered "the plan from the bucket on" 200000 0 5

check_not "the secrets are nowhere in state or journal" grep -rqsF -e "$PGSECRET" -e "$S3_SECRET" "$STATE"
check "the journal verifies" $GATE --verify-journal
check "nothing is left in the spool" test -z "$(ls "$STATE/spool")"
e2e_end
