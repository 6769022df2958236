#!/bin/bash
# The roles of a PostgreSQL server beside a dump: what is in them, what a restore makes of them on a server that has lost them,
# and what it leaves alone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

postgres_world
policy() { write_policy - <<CONF
[service.shop]
postgres = { host = "$ROOT/pgsocket", port = $PGPORT, user = "$1", database = "shop", password_file = "/etc/backupctl/shop.pw", globals = true }
remotes = ["disk"]
keep = { daily = 1, weekly = 0, monthly = 0 }
CONF
}
policy admin
admin() { sql postgres "create role admin superuser login password '$PGSECRET'"; }
admin; sql postgres "create database shop encoding latin1 locale 'C' template template0"
sql postgres "$(cat <<'SQL'
create role "App $roles$; '" login noinherit password 'pw''of the application' connection limit 5 valid until '2099-01-01';
create role readers; create role gone login password 'whose'; create role dump login password 'e2e-postgres-secret';
grant readers to "App $roles$; '" with admin option; grant pg_read_all_data to readers, dump;
alter role readers set search_path to '', "$user", 'a,b', public; alter role readers in database shop set work_mem to '5MB';
alter role "App $roles$; '" set application_name to E'it''s \\ "q"';
do 'begin if current_setting(''server_version_num'')::int >= 160000 then execute ''grant readers to gone with inherit false, set false''; end if; end';
SQL
)"
sql shop 'create table t (a int); insert into t values (1); alter table t owner to "App $roles$; '\''"; grant select on t to readers'
sql postgres "revoke connect on database shop from public; grant connect, temporary on database shop to readers, admin, dump, \"App \$roles\$; '\""
sql postgres "alter database shop set timezone = 'Asia/Tokyo'; comment on database shop is 'of the shop'; alter database shop owner to readers"
# what_database NAME: what a server says of the database itself.
what_database() {
  sql postgres "select pg_encoding_to_char(encoding), datcollate, datctype, datdba::regrole, (select array_agg(a::text order by a::text) from unnest(datacl) a), shobj_description(oid, 'pg_database') from pg_database where datname = '$1'"
  sql postgres "select setconfig from pg_db_role_setting where setrole = 0 and setdatabase = (select oid from pg_database where datname = '$1')"
}
# what_roles: all that a server says of its roles.
what_roles() {
  sql shop "select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil, rolpassword from pg_authid where rolname !~ '^pg_' and rolname <> 'admin' order by 1"
  sql shop "select a.roleid::regrole::text, a.member::regrole::text, to_jsonb(a) - array['oid', 'roleid', 'member', 'grantor'] from pg_auth_members a where member::regrole::text !~ '^pg_' order by 1, 2"
  sql shop "select setrole::regrole::text, setdatabase <> 0, setconfig from pg_db_role_setting where setrole <> 0 order by 1, 2"
}
ARCHIVES=$ROOT/disk/shop/archives; dump=$ARCHIVES/shop-$(date +%F).dump globals=$ARCHIVES/shop-$(date +%F).dump.globals.sql
R="$GATE --restore shop --archive latest --yes" B="$GATE --backup shop --replace"

: >"$ROOT/orphan"
for ending in '' .partial; do install -D -m 644 "$ROOT/orphan" "$ARCHIVES/shop-2026-01-01.dump.globals.sql$ending"; done
check "a backup has the roles beside the dump" $B
check "of the user's own server" grep -q 'CREATE ROLE readers' "$globals"
check "the roles of a dump that never came are swept" test "$(ls "$ARCHIVES" | grep -c 2026-01-01)" = 0
check "--verify" $GATE --verify shop
check "they are no archive of their own" sh -c "test \$($GATE --list shop | grep -c verified) = 1"
what_roles >"$ROOT/truth"; what_database shop >"$ROOT/shop"

# ---- loss of the server ----
new_server() { stop_postgres immediate; rm -rf "$PGDATA"; make_postgres && start_postgres && admin && sql template1 'create table template_s (a int)'; }
new_server
check "a restore into a new server" $R
check_says "names the roles that it makes" "made the roles App \$roles\$; ', dump, gone, readers"
what_roles >"$ROOT/now"; check_same "with attributes, passwords, memberships and settings" "$ROOT/truth" "$ROOT/now"
what_database shop >"$ROOT/now"; check_same "the database has its encoding, locale, owner, rights, settings and comment" "$ROOT/shop" "$ROOT/now"
check "another database" $GATE --restore shop --archive latest --into other
check "has the encoding and locale" test "$(what_database other | cut -d'|' -f1-3)" = 'LATIN1|C|C'
check "and nothing of what the server gives to new ones" sh -c "! psql -XAtq -h '$ROOT/pgsocket' -p $PGPORT -U postgres -d other -c 'table template_s' 2>/dev/null"
check "a password opens the door" env PGPASSWORD="pw'of the application" psql -Xq -h 127.0.0.1 -p "$PGPORT" -U 'App $roles$; '\' -d shop -c 'set search_path to public; select * from t'
check "the table's owner and rights are there" test "$(sql shop "select tableowner, has_table_privilege('readers', 't', 'select') from pg_tables where tablename = 't'")" = "App \$roles\$; '|t"
new_server; sql postgres 'create database shop template template0'; sql postgres "create role readers login noinherit"
check "by hand, with psql alone" psql -Xq -v ON_ERROR_STOP=1 -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop -f "$globals"
check "said twice" psql -Xq -v ON_ERROR_STOP=1 -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop -f "$globals"
check "a role that is there stays as it is" test "$(sql shop "select rolcanlogin, rolinherit from pg_roles where rolname = 'readers'")" = 't|f'
check "and one that was not is made" test "$(sql shop "select count(*) from pg_roles where rolname = 'gone'")" = 1
sql postgres 'drop role gone'
check "into a database that is there and empty" $R
check "all roles are made" test "$(sql shop "select count(*) from pg_roles where rolname = 'gone'")" = 1
sql postgres 'drop role gone'
check "into a database that holds its tables" $R
check "a role that was dropped does not come back" test "$(sql shop "select count(*) from pg_roles where rolname = 'gone'")" = 0
check "committed" $GATE --restore-commit shop

# ---- what is not as it should be ----
cp "$globals" "$ROOT/globals"
stop_postgres; start_postgres
sed -i 's/gone/gine/' "$globals"
check_exit 65 "a drill, too" $GATE --drill shop
check_exit 65 "--verify finds what was changed" $GATE --verify shop
new_server
check_exit 69 "a restore makes no role of it" $R
check_says "says what is wrong" "shop-$(date +%F).dump.globals.sql from disk is not what the signed manifest says"
check "and there is none" test "$(sql postgres "select count(*) from pg_roles where rolname in ('gine', 'readers')")" = 0
sql postgres "create role readers; create role \"App \$roles\$; '\""
check "nor a database without its owner" test -z "$(sql postgres "select 1 from pg_database where datname = 'shop'")"
check "one that finds its roles needs none of it" $R
check "and the owner has the database" test "$(what_database shop | cut -d'|' -f4 | head -1)" = readers
rm "$globals"
check_exit 65 "one that is gone is no backup either" $GATE --verify shop
check_exit 65 "nor good for a drill" $GATE --drill shop
cp "$ROOT/globals" "$globals"
check "put back" $GATE --verify shop
psql -Xq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop -f "$globals"

# ---- a user that may not read passwords ----
policy dump   # who is a member of pg_read_all_data may read passwords, too
sql shop "alter role dump password '$PGSECRET'; revoke pg_read_all_data from dump; grant select on t to dump"
check "a user who may read alone makes the backup" $B
check_says "and is told what it lacks" "the user dump may not read passwords, so the roles are backed up without theirs"
check "no password is in it" sh -c "! grep -q SCRAM '$globals'"
policy admin
new_server
check "restored" $R
check_says "who has no password is named" "made without a password: "

# ---- a server that writes more than roles: what it wrote is SQL for a server and no command for psql ----
sql postgres 'create schema if not exists evil'
hostile() { psql -Xq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d shop <<'SQL'
create role "x$roles$ \! touch /tmp/never" login;
create role "
\! touch /tmp/never
" login;
SQL
}
hostile
what_roles >"$ROOT/truth"
check "names that are commands" $B
new_server
check "are names after a restore, too" $R
what_roles >"$ROOT/now"; check_same "and nothing else" "$ROOT/truth" "$ROOT/now"

# A server whose own functions lie.
sql shop "create or replace function pg_catalog.md5(text) returns text language sql as \$\$select E'a\\\$ BEGIN END \\\$roles_a\\\$;\\n\\\\\\\\! touch /tmp/never\\n--'\$\$"
check "a backup of it" $B
check "has a command in it" grep -q '^.! touch' "$globals"
new_server
check_exit 69 "which a restore does not follow, so that the roles are missing" $R
check_says "and says so" "backslash commands are restricted"
check "and leaves no half of a database" test -z "$(sql postgres "select 1 from pg_database where datname = 'shop'")"
sql postgres 'create database shop'; sql shop 'create table t (a int)'

# ---- retention ----
for day in 1 2; do   # the two newest stay in any case (keep_last)
  echo "@$(date -d "+$day day" '+%F %T')" >/etc/faketimerc
  check "night $day" env LD_PRELOAD="$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')" DONT_FAKE_MONOTONIC=1 $GATE --backup shop
done
rm /etc/faketimerc
check "took the old dump away, and its roles with it" sh -c "! ls '$ARCHIVES' | grep -q '$(date +%F)'"
check "and keeps its own" test -s "$ARCHIVES/shop-$(date -d '+1 day' +%F).dump.globals.sql"
check "the password stands nowhere" sh -c "! grep -rqF -- '$PGSECRET' '$STATE' '$ROOT/disk' '$ROOT/out'"
e2e_end
