# Real database servers for end-to-end tests, on the loopback alone; sourced after lib.sh, never run.

PGBIN=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1)
PGPORT=${PGPORT:-$((20000 + $$ % 10000))}
PGSECRET=e2e-postgres-secret          # must show up nowhere

as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

# make_postgres: a cluster in $PGDATA whose users need a password, with TLS; the superuser comes in through the socket.
make_postgres() {
  PGDATA=$ROOT/postgres
  install -d -o postgres -g postgres -m 700 "$PGDATA"; install -d -o postgres -m 755 "$ROOT/pgsocket"
  as_postgres "$PGBIN/initdb" -D "$PGDATA" -A trust --locale=C.UTF-8 >/dev/null || return
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$PGDATA/server.key" -out "$PGDATA/server.crt" 2>/dev/null
  chown postgres "$PGDATA"/server.*; chmod 600 "$PGDATA/server.key"
  cp "$PGDATA/server.crt" "$ROOT/postgres-ca.crt"
  printf 'local all postgres trust\nlocal all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n' >"$PGDATA/pg_hba.conf"
  cat >>"$PGDATA/postgresql.conf" <<CONF
port = $PGPORT
max_prepared_transactions = 2
listen_addresses = '127.0.0.1'
unix_socket_directories = '$ROOT/pgsocket'
ssl = on
fsync = off
CONF
}
# postgres_world: a server that runs until the test's end, an installation, and the file with a password for the policy.
postgres_world() {
  make_postgres && start_postgres || { fail "a PostgreSQL server runs"; e2e_end; }
  on_clean() { stop_postgres immediate 2>/dev/null; }
  e2e_install
  echo "$PGSECRET" >/etc/backupctl/shop.pw; chmod 600 /etc/backupctl/shop.pw
}
start_postgres() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -l "$PGDATA/log" -w -s start && head -1 "$PGDATA/postmaster.pid" >"$ROOT/pids/postgres"; }
stop_postgres() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -w -s -m "${1:-fast}" stop; }
# sql DATABASE TEXT: as the superuser.
sql() { psql -XAtq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d "$1" -v ON_ERROR_STOP=1 -c "$2"; }
# digest_of DATABASE: every row of every table of the user's, in order.
digest_of() {
  psql -XAtq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d "$1" -v ON_ERROR_STOP=1 <<'SQL'
select format(E'select %1$L, md5(coalesce(string_agg(t::text, E\'\\n\' order by t::text), \'\')) from %1$s t', format('%I.%I', schemaname, tablename))
  from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1 \gexec
SQL
}

REDISSECRET=e2e-redis-secret          # must show up nowhere
# start_redis NAME PORT [SETTING VALUE…]: a server in $ROOT/redis-NAME, as the account redis; its pid in $ROOT/pids/redis-NAME.
start_redis() {
  local name=$1 port=$2 i; shift 2
  install -d -o redis -g redis -m 700 "$ROOT/redis-$name"
  : >"$ROOT/redis-$name.log"; chown redis "$ROOT/redis-$name.log"
  setpriv --reuid=redis --regid=redis --clear-groups redis-server --bind 127.0.0.1 --port "$port" --dir "$ROOT/redis-$name" --save '' --enable-debug-command yes \
    --repl-diskless-sync-delay 0 --logfile "$ROOT/redis-$name.log" "$@" >/dev/null 2>&1 &
  echo $! >"$ROOT/pids/redis-$name"
  for ((i = 0; i < 100; i++)); do
    grep -q 'Ready to accept connections' "$ROOT/redis-$name.log" && return
    sleep 0.1
  done
  return 1
}
# stop_redis NAME: at once, as a crash would.
stop_redis() { end_pid "$ROOT/pids/redis-$1"; }
