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
listen_addresses = '127.0.0.1'
unix_socket_directories = '$ROOT/pgsocket'
ssl = on
fsync = off
CONF
}
start_postgres() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -l "$PGDATA/log" -w -s start && head -1 "$PGDATA/postmaster.pid" >"$ROOT/pids/postgres"; }
stop_postgres() { as_postgres "$PGBIN/pg_ctl" -D "$PGDATA" -w -s -m "${1:-fast}" stop; }
# sql DATABASE TEXT: as the superuser.
sql() { psql -XAtq -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -d "$1" -v ON_ERROR_STOP=1 -c "$2"; }
# digest_of DATABASE: every row of every table of the user's, in order.
digest_of() {
  sql "$1" "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog','information_schema') order by 1" |
    while read -r table; do
      printf '%s %s\n' "$table" "$(sql "$1" "select md5(coalesce(string_agg(t::text, E'\n' order by t::text), '')) from $table t")"
    done
}
