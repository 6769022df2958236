#!/bin/bash
# A PostgreSQL database to a remote, side by side in one run: `pg_dump -Fc | rclone rcat`, as people do it today, and one
# `backupctl --backup`, which verifies what it sent; and the memory of a dump of 10 MB and of 2 GB. Real PostgreSQL, a directory and a
# webdav remote. It prints; it never fails on a figure.
#   sudo ./tests/bench/postgres.sh [MEGABYTES of the database, default 1000] [ROUNDS, default 3] [BUILD in E2E_BUILD]
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/databases.sh"
e2e_begin "$@"
size=${1:-1000} rounds=${2:-3}
make_postgres && start_postgres || { fail "a PostgreSQL server runs"; e2e_end; }
on_clean() { stop_postgres immediate 2>/dev/null; }
e2e_install
start_webdav
echo "$PGSECRET" >/etc/backupctl/shop.pw; chmod 600 /etc/backupctl/shop.pw
sql postgres "create role shop login superuser password '$PGSECRET'"
service() { echo "[service.$1]"; echo "postgres = { host = \"localhost\", port = $PGPORT, user = \"shop\", database = \"$2\", password_file = \"/etc/backupctl/shop.pw\" }"; echo "remotes = [\"$3\"]"; }
{ service todisk main disk; service towebdav main onedrive; service small small disk; service large large disk; } | write_policy -
# fill DATABASE MEGABYTES: half of it pgbench's accounts, half of it text, numbers and hexadecimal.
fill() {
  sql postgres "create database $1"
  "$PGBIN/pgbench" -h "$ROOT/pgsocket" -p "$PGPORT" -U postgres -i -q -s $(($2 / 30 + 1)) "$1" >/dev/null 2>&1
  sql "$1" "create table words as select i as id, md5(i::text) as a, 'The quick brown fox ' || (i % 977) || ' jumps over order #' || i || ' of customer ' || (i::bigint * 7919 % 100003) as note, random() * 1e6 as price from generate_series(1, $2 * 3500) i"
}
fill main "$size"; fill small 10; fill large 2000
sql postgres checkpoint
export PGPASSWORD=$PGSECRET RCLONE_CONFIG=$CONF

now() { date +%s.%N; }
median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'; }
measured() { python3 "$E2E_SOURCE/tests/bench/measure.py" "$@"; }
seconds() { python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])'; }
# The pipe of today; its result is not looked at.
pipe() { local began; began=$(now); "$PGBIN/pg_dump" -Fc -h 127.0.0.1 -p "$PGPORT" -U shop main | rclone rcat "$1"; echo "$(now) $began" | awk '{ printf "%.2f\n", $1 - $2 }'; }
printf '# %s processors, %s; a database of %s, medians of %s rounds\n' "$(nproc)" "$(uname -r) $(uname -m)" "$(sql main 'select pg_size_pretty(pg_database_size(current_database()))')" "$rounds"
for round in $(seq "$rounds"); do
  pipe "$ROOT/disk/piped.dump" >>"$ROOT/pipe.disk"
  measured $GATE --backup todisk --replace | seconds >>"$ROOT/gate.disk"
  pipe onedrive:/piped.dump >>"$ROOT/pipe.webdav"
  measured $GATE --backup towebdav --replace | seconds >>"$ROOT/gate.webdav"
done
for remote in disk webdav; do
  pipe=$(median <"$ROOT/pipe.$remote") gate=$(median <"$ROOT/gate.$remote")
  printf '%-10s pg_dump -Fc | rclone rcat %8s s   backupctl --backup, verified %8s s   times as fast %5.2f (target 1 or more)\n' \
    "$remote" "$pipe" "$gate" "$(echo "$pipe $gate" | awk '{ print $1 / $2 }')"
done
printf 'bytes: piped %s, backupctl %s\n' "$(stat -c %s "$ROOT/disk/piped.dump")" "$(stat -c %s "$ROOT"/disk/todisk/archives/*.dump)"
for name in small large; do
  measured $GATE --backup $name >"$ROOT/memory.$name"
  printf 'memory, %s (%s): %s\n' "$name" "$(sql "$name" 'select pg_size_pretty(pg_database_size(current_database()))')" \
    "$(python3 -c 'import json, sys; r = json.load(sys.stdin); print({k: (round(v / 1e6, 1) if v and v > 10000 else v) for k, v in r.items() if not isinstance(v, (dict, list))})' <"$ROOT/memory.$name")"
done
