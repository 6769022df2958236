#!/bin/bash
# A PostgreSQL database: dumped while it is in use, verified, restored whole, into another database and table by table; and every
# way in which that fails, after each of which the last good dump is untouched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

postgres_world
write_policy - <<CONF
[service.shop]
postgres = { host = "localhost", port = $PGPORT, user = "shop", database = "shop", password_file = "/etc/backupctl/shop.pw", sslmode = "verify-full", sslrootcert = "$ROOT/postgres-ca.crt" }
remotes = ["disk"]
[service.socket]
postgres = { host = "$ROOT/pgsocket", port = $PGPORT, user = "shop", database = "shop", password_file = "/etc/backupctl/shop.pw" }
remotes = ["disk"]
[service.empty]
postgres = { host = "localhost", port = $PGPORT, user = "shop", database = "nothing", password_file = "/etc/backupctl/shop.pw" }
remotes = ["disk"]
CONF
sql postgres "create role shop login createdb password '$PGSECRET'"
sql postgres 'create database shop owner shop'; sql postgres 'create database nothing owner shop'
export PGPASSWORD=$PGSECRET
bench() { "$PGBIN/pgbench" -h 127.0.0.1 -p "$PGPORT" -U shop "$@" shop; }
bench -i -q -s 5 --foreign-keys >/dev/null 2>&1
psql -Xq -h 127.0.0.1 -p "$PGPORT" -U shop shop <<'SQL'
create schema "odd one";
create table "odd one"."Table (a" (id serial primary key, "the text" text, big bytea);
create index "an index" on "odd one"."Table (a" ("the text");
insert into "odd one"."Table (a" ("the text", big) select E'line\nbreak\t\\' || i || repeat('ü', i % 40), sha256(i::text::bytea) from generate_series(1, 5000) i;
create table nothing_in_it (a int);
create table "new
line" (t text); insert into "new
line" values ('COPY public.nothing_in_it (a) FROM stdin;'), ('x');
create domain amount as int; create schema apart; create table apart.priced (a amount);
create view totals as select sum(abalance) from pgbench_accounts;
SQL
ARCHIVES=$ROOT/disk/shop/archives today=$(date +%F)
dump=$ARCHIVES/shop-$today.dump

begin "$ROOT/load" bench -n -T 20 -c 4
sleep 1
check "a database in use is dumped" gate 'backupctl --backup shop'
check "the load ran all the time" kill -0 "$begun"
check "it is there with its manifest and checksum" test -s "$dump.manifest.json" -a -s "$dump.sha256"
check "it is a plain file for pg_restore" "$PGBIN/pg_restore" --list "$dump"
check "and holds where each table begins" sh -c "'$PGBIN/pg_restore' -f - -t pgbench_branches '$dump' | grep -q COPY"
check_exit 75 "the same day again" gate 'backupctl --backup shop'
check "--verify" gate 'backupctl --verify shop'
check "--list" gate 'backupctl --list shop'
check_says "names it as verified" "verified  disk  shop-$today.dump"
check "through the socket" gate 'backupctl --backup socket'
check_exit 65 "a database without a table is not backed up" gate 'backupctl --backup empty'
check_says "and is named" "holds no table"
wait "$begun"

# Whoever may make functions in "public" could have the operator's user run them (CVE-2018-1058).
psql -Xq -h 127.0.0.1 -p "$PGPORT" -U shop shop -c "create function public.format(text, name, name) returns text language plpgsql as 'begin raise exception \$\$hijacked\$\$; end'"
check "the operator's questions run no function of the database's own" $GATE --restore shop --archive latest --table "odd one.Table (a" --yes
sql shop 'drop function public.format(text, name, name)'
check "and committed" $GATE --restore-commit shop
check_exit 64 "into the service's own database is no other one" $GATE --restore shop --archive latest --into shop
: >"$STATE/kept/shop"; printf '?\n' >"$STATE/kept/shop.part"
check_exit 69 "of a database that a broken-off restore left no backup is made" $GATE --backup shop --replace
check_says "it says so" "was broken off"
check "--status says so" sh -c "$GATE --status shop | grep -q 'broken off'"
check_exit 69 "nor is given up what it had put aside" $GATE --restore-commit shop
rm "$STATE/kept/shop" "$STATE/kept/shop.part"
check "a drill reads every row of the dump" $GATE --drill shop
check_says "and says how many tables" "restorable, every row of it was read: archive shop-$today.dump, from disk, files 8"

# ---- restore: whole, in one transaction ----
R="$GATE --restore shop --archive latest"
invariant() { [ "$(sql "$1" 'select sum(bbalance) from pgbench_branches')" = "$(sql "$1" 'select sum(delta) from pgbench_history')" ]; }
as_dumped() { sql postgres 'create database truth'; "$PGBIN/pg_restore" -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d truth "$dump" && digest_of truth >"$ROOT/truth"; }
check "the dump by pg_restore alone" as_dumped
check "holds one moment of the load: pgbench's sums agree" invariant truth
sql shop 'delete from pgbench_history; truncate nothing_in_it; insert into nothing_in_it values (7)'
digest_of shop >"$ROOT/made-since"
check_exit 64 "a restore wants --yes" $R
check_exit 64 "and none of a tree's words" $R --to /tmp/x --yes
for word in --table --into --remote; do check_exit 64 "$word of nothing stands for nothing else" $R $word '' --yes; done
PGOPTIONS='' psql -Xq -h 127.0.0.1 -p "$PGPORT" -U shop shop -c 'select pg_sleep(30)' >/dev/null 2>&1 & sleeper=$!
sleep 1
check_exit 69 "a database with other clients is not exchanged under them" $R --yes
check_says "it says how to go on" "or say --with-clients"
check_says "and who they are" "exchanged under them (shop (psql) from 127.0.0.1)"
digest_of shop >"$ROOT/now"; check_same "and it is as it was" "$ROOT/made-since" "$ROOT/now"
check "unless told" $R --with-clients --yes
sql postgres "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()" >/dev/null; wait "$sleeper" 2>/dev/null
check_says "every row is counted" "public.pgbench_accounts  500000 rows"
check_says "of a table with a line break in its name, too" 'public."new?line"  2 rows'
digest_of shop >"$ROOT/now"; check_same "every row is as it was dumped" "$ROOT/truth" "$ROOT/now"
check "pgbench's sums agree" invariant shop
check "a view, an index and a foreign key are there" test "$(sql shop "select count(*) from pg_class where relname in ('totals','an index')")$(sql shop "select count(*) > 2 from pg_constraint where contype='f'")" = 2t
check_exit 69 "a second restore waits for a decision about the first" $R --yes
check "rollback" $GATE --restore-rollback shop
check_says "counts every row, too" "public.nothing_in_it  1 rows"
digest_of shop >"$ROOT/now"; check_same "every row is what was made since" "$ROOT/made-since" "$ROOT/now"
check_exit 69 "a second rollback has nothing to put back" $GATE --restore-rollback shop
check "restored again" $R --yes
check "and committed" $GATE --restore-commit shop
check_exit 75 "once" $GATE --restore-commit shop
check "nothing is kept then" test -z "$(ls "$STATE/kept")"
begin "$ROOT/restore.out" $R --yes
for _ in $(seq 200); do grep -q 'keeping what is there' "$ROOT/restore.out" && break; sleep 0.02; done
sleep 0.2; sql shop 'insert into nothing_in_it values (8)'
wait "$begun"; [ $? = 69 ] && grep -q 'clients that come and go' "$ROOT/restore.out" && pass "who came and wrote while it was put aside is noticed" ||
  fail "who came and wrote while it was put aside is noticed" "$(cat "$ROOT/restore.out")"
check "and loses nothing" test "$(sql shop 'select count(*) from nothing_in_it where a = 8')$(ls "$STATE/kept")" = 1
sql shop 'delete from nothing_in_it where a = 8'
sql shop "begin; insert into nothing_in_it values (8); prepare transaction 'two phases'"
check_exit 69 "a prepared transaction is a client" $R --yes
check_says "by its name" "(the prepared transaction two phases)"
sql shop "rollback prepared 'two phases'"

# ---- killed before it has exchanged anything: what is written afterwards is not lost by the next attempt (D6) ----
psql -Xq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop -c 'begin; lock table pgbench_tellers in access share mode; select pg_sleep(60)' >/dev/null 2>&1 & locker=$!
sleep 0.5
begin "$ROOT/killed" $R --with-clients --yes
for _ in $(seq 600); do grep -q 'restoring the database' "$ROOT/killed" && break; sleep 0.1; done
sleep 0.5; kill -KILL "$begun"; wait "$begun" 2>/dev/null
check "what was there is put aside, and nothing decided" sh -c "grep -q '^?' '$STATE/kept/shop.part'"
sql postgres "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop' and pid <> pg_backend_pid()" >/dev/null; wait "$locker" 2>/dev/null
for _ in $(seq 50); do [ "$(sql postgres "select count(*) from pg_stat_activity where datname = 'shop'")" = 0 ] && break; sleep 0.1; done
sql shop 'insert into nothing_in_it values (99); create table made_since (a int); alter table made_since owner to shop'; sql shop 'vacuum full nothing_in_it'
check_exit 2 "--check tells of it" $GATE --check shop
check_says "as critical" "a restore was broken off, and the server may hold a part"
check "the same again" $R --yes
check_says "keeps what is there now" "keeping what is there now"
check "rolled back" $GATE --restore-rollback shop
check "what was written in between is there" test "$(sql shop 'select count(*) from nothing_in_it where a = 99')" = 1
sql shop 'drop table made_since'
check "restored once more" $R --yes
check "and committed" $GATE --restore-commit shop

# ---- another database, single tables ----
check "into another database, which is made" $R --into copy
digest_of copy >"$ROOT/now"; check_same "with every row" "$ROOT/truth" "$ROOT/now"
check_exit 69 "which overwrites nothing" $R --into copy
check_says "and says so" "overwrites nothing"
check "one table into another" $R --into part --table pgbench_tellers
check_exit 69 "which overwrites nothing either" $R --into part --table pgbench_tellers
check_exit 65 "one that fails" $R --into failed --table no_such
check "leaves no database" test -z "$(sql postgres "select 1 from pg_database where datname = 'failed'")"
check "one of a schema that is not there" $R --into schemas --table 'odd one.Table (a'
check_not "one of a type that is not there" $R --into part --table apart.priced
check "leaves no schema" test -z "$(sql part "select 1 from pg_namespace where nspname = 'apart'")"
check "that alone" test "$(sql part "select string_agg(tablename, ',') from pg_tables where schemaname = 'public'")" = pgbench_tellers
sql shop 'update "odd one"."Table (a" set "the text" = 0; grant select on "odd one"."Table (a" to public'
check "the rows of one table" $R --table 'odd one.Table (a' --yes
digest_of shop >"$ROOT/now"; check_same "all is as it was dumped" "$ROOT/truth" "$ROOT/now"
check "the table's rights are those it has now" test "$(sql shop "select has_table_privilege('public', '\"odd one\".\"Table (a\"', 'select')")" = t
check "rollback of one table" $GATE --restore-rollback shop
check "has what was there" test "$(sql shop 'select count(*) from "odd one"."Table (a" where "the text" = $$0$$')" = 5000
check "the rows once more" $R --table 'odd one.Table (a' --yes
sql shop 'drop table "odd one"."Table (a" cascade'
check "rollback of a table that has gone since" $GATE --restore-rollback shop
check "has what was there, too" test "$(sql shop 'select count(*) from "odd one"."Table (a" where "the text" = $$0$$')" = 5000
sql shop 'drop table "odd one"."Table (a" cascade'
check "a table that is gone" $R --table 'odd one.Table (a' --yes
digest_of shop >"$ROOT/now"; check_same "is there with every row" "$ROOT/truth" "$ROOT/now"
check "with its index, key and sequence" test "$(sql shop "select count(*) from pg_class where relname in ('an index','Table (a_pkey','Table (a_id_seq')")" = 3
check "and its sequence goes on" sql shop 'insert into "odd one"."Table (a" ("the text") values ($$next$$)'
sql shop 'delete from "odd one"."Table (a" where "the text" = $$next$$'
check_exit 65 "a table that the dump has not" $R --table no_such_table --yes
check_says "is named" "holds no table public.no_such_table"
check_exit 69 "a table that others refer to" $R --table pgbench_branches --yes
digest_of shop >"$ROOT/now"; check_same "leaves all as it was" "$ROOT/truth" "$ROOT/now"
check "and keeps nothing" test -z "$(ls "$STATE/kept")"

# ---- total loss ----
stop_postgres immediate; rm -rf "$PGDATA"
check_exit 69 "a server that is gone is not backed up" $GATE --backup shop --replace
make_postgres && start_postgres
check_exit 69 "a new server does not know the user" $R --yes
check_says "and says so" "does not accept the user or the password"
sql postgres "create role shop login createdb password '$PGSECRET'"
check "the database is made and restored" $R --yes
digest_of shop >"$ROOT/now"; check_same "with every row" "$ROOT/truth" "$ROOT/now"
check "pgbench's sums agree" invariant shop

# ---- what fails, with the last good dump untouched ----
fingerprint "$ARCHIVES" >"$ROOT/good"
untouched() { fingerprint "$ARCHIVES" >"$ROOT/now"; check_same "$1: the last good dump is untouched" "$ROOT/good" "$ROOT/now"; check "$1: nothing is left in the spool" test -z "$(ls "$STATE/spool")"; }
A="$GATE --backup shop --replace"   # the date is taken
echo wrong >/etc/backupctl/shop.pw
check_exit 69 "a wrong password" $A
check_says "is named" "postgres.password_file"
untouched "wrong password"
chmod 644 /etc/backupctl/shop.pw
check_exit 78 "a password that others can read" $A
echo "$PGSECRET" >/etc/backupctl/shop.pw; chmod 600 /etc/backupctl/shop.pw
bench -i -q -s 20 >/dev/null 2>&1
# meanwhile CMD…: once the dump is under way.
meanwhile() { begin "$ROOT/dump.out" $A; for _ in $(seq 100); do grep -q 'dumping the database' "$ROOT/dump.out" && break; sleep 0.05; done; "$@"; wait "$begun"; }
# Who holds a table locked keeps pg_dump waiting, so that the dump is under way for certain.
locked() { psql -Xq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop -c 'begin; lock table pgbench_accounts; select pg_sleep(20)' >/dev/null 2>&1 & locker=$!; sleep 0.5; }
in_dump() { sleep 1; "$@"; }
locked; meanwhile in_dump stop_postgres fast; got=$?
[ $got = 69 ] && pass "the server ends during the dump: 69" || fail "the server ends during the dump" "ended $got: $(cat "$ROOT/dump.out")"
start_postgres
untouched "the server ended"
end_gate() { kill -KILL "$begun"; sleep 1; }
locked; meanwhile in_dump end_gate
sql postgres "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()" >/dev/null
check "a dump whose gate was killed ends with it" sh -c '! pgrep -f "[p]g_dump --format=custom" >/dev/null'
mount -t tmpfs -o size=1m,mode=755 none "$STATE/spool"
check_exit 74 "a spool that runs full" $A
check_says "is named" "full"
umount "$STATE/spool"
echo wrong >/etc/backupctl/shop.pw
check_exit 69 "the next run sweeps what the killed gate left" $A
echo "$PGSECRET" >/etc/backupctl/shop.pw
untouched "the gate was killed, and disk full"
flip_at() { python3 -c "
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1]))" "$@"; }
digest_of shop >"$ROOT/before"
flip_at "$dump" 100000
check_exit 65 "--verify finds a flipped bit" gate 'backupctl --verify shop'
check_exit 65 "and a restore of it touches nothing" $R --yes
digest_of shop >"$ROOT/now"; check_same "every row is as it was" "$ROOT/before" "$ROOT/now"
flip_at "$dump" 100000
sql postgres "alter role shop rename to other"
check_exit 69 "a user that is gone" $A
sql postgres "alter role other rename to shop" ; sql postgres "alter role shop password '$PGSECRET'"
sql postgres 'alter database shop rename to elsewhere'
check_exit 78 "a database that is gone" $A
check_says "is named" "there is no such database"
sql postgres 'alter database elsewhere rename to shop'
check "the password stands nowhere" sh -c "! grep -rqF -- '$PGSECRET' '$STATE' '$ROOT/disk' '$ROOT/out'"
e2e_end
