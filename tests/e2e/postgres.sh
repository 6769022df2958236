#!/bin/bash
# A PostgreSQL database: dumped while it is in use, verified, restored whole, into another database and table by table; and every
# way in which that fails, after each of which the last good dump is untouched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

make_postgres && start_postgres || { fail "a PostgreSQL server runs"; e2e_end; }
e2e_install
echo "$PGSECRET" >/etc/backupctl/shop.pw; chmod 600 /etc/backupctl/shop.pw
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
on_clean() { stop_postgres immediate 2>/dev/null; }
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
wait "$begun"
e2e_end
