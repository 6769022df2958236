#!/bin/bash
# Redis servers with append-only files off and on, with users, passwords and TLS: backed up while they are written to, destroyed,
# restored over the wire; and every way in which that fails, after each of which the last good dump is untouched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

PLAIN=$(free_port) FULL=$(free_port) AOF=$(free_port) TLS=$(free_port) DOWN=$(free_port)
ARCHIVES=$ROOT/disk today=$(date +%F)
tool() { python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$@"; }
digest() { tool "$1" digest >"$ROOT/$2"; }
plain() { start_redis plain "$PLAIN" "$@"; }
aof() {
  cat >"$ROOT/users.acl" <<ACL
user default on >$REDISSECRET ~* &* +@all
user keeper on >$REDISSECRET-keeper ~* &* +info +bgsave +bgrewriteaof +sync +psync +replconf +flushall +function +select +echo +@write
ACL
  chown redis "$ROOT/users.acl"; chmod 600 "$ROOT/users.acl"
  start_redis aof "$AOF" --aclfile "$ROOT/users.acl" --appendonly yes "$@"
}
tls() {
  start_redis tls 0 --tls-port "$TLS" --tls-cert-file "$ROOT/tls/server.crt" --tls-key-file "$ROOT/tls/server.key" \
    --tls-ca-cert-file "$ROOT/tls/server.crt" --tls-auth-clients no --requirepass "$REDISSECRET"
}
# wiped NAME: everything of it is destroyed, and it is started empty.
wiped() { stop_redis "$1"; rm -rf "$ROOT/redis-$1"; "$1"; }
restore() { $GATE --restore "$@" --yes; }

mkdir "$ROOT/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout "$ROOT/tls/server.key" -out "$ROOT/tls/server.crt" 2>/dev/null
chown redis "$ROOT"/tls/*; chmod 600 "$ROOT/tls/server.key"
cp "$ROOT/tls/server.crt" "$ROOT/redis-ca.crt"; chown root "$ROOT/redis-ca.crt"; chmod 644 "$ROOT/redis-ca.crt"
plain && aof && tls || { fail "Redis servers run"; e2e_end; }
e2e_install
for name in '' -keeper -wrong; do echo "$REDISSECRET$name" >"/etc/backupctl/redis$name.pw"; done
chmod 600 /etc/backupctl/redis*.pw
write_policy - <<CONF
[service.plain]
redis = { host = "localhost", port = $PLAIN }
remotes = ["disk"]
[service.busy]
redis = { host = "localhost", port = $PLAIN }
remotes = ["disk"]
[service.fails]
redis = { host = "localhost", port = $PLAIN }
remotes = ["disk"]
[service.aof]
redis = { host = "localhost", port = $AOF, user = "keeper", password_file = "/etc/backupctl/redis-keeper.pw" }
remotes = ["disk"]
[service.tls]
redis = { host = "localhost", port = $TLS, password_file = "/etc/backupctl/redis.pw", tls = { ca = "$ROOT/redis-ca.crt" } }
remotes = ["disk"]
[service.notls]
redis = { host = "localhost", port = $TLS, password_file = "/etc/backupctl/redis.pw" }
remotes = ["disk"]
[service.nopassword]
redis = { host = "localhost", port = $AOF }
remotes = ["disk"]
[service.wrong]
redis = { host = "localhost", port = $AOF, user = "keeper", password_file = "/etc/backupctl/redis-wrong.pw" }
remotes = ["disk"]
[service.replica]
redis = { host = "localhost", port = $PLAIN }
remotes = ["disk"]
[service.full]
redis = { host = "localhost", port = $FULL }
remotes = ["disk"]
[service.down]
redis = { host = "localhost", port = $DOWN }
remotes = ["disk"]
CONF

touch "$ROOT/sampling"
while [ -e "$ROOT/sampling" ]; do ps axww -o args; sleep 0.1; done >"$ROOT/ps" & sampler=$!
tool "$PLAIN" fill || fail "the plain server is filled"
REDIS_ADMIN=$REDISSECRET tool "$AOF" fill || fail "the server with append-only files is filled"
redis-benchmark -p "$PLAIN" -n 400000 -r 20000 -c 10 -q -t set,lpush,hset >"$ROOT/benchmark" 2>&1 & benchmark=$!
begin "$ROOT/load" tool "$PLAIN" write 8
sleep 1
check "a server in use is backed up" gate 'backupctl --backup busy'
check "with its manifest and checksum" test -s "$ARCHIVES/busy/archives/busy-$today.rdb.manifest.json" -a -s "$ARCHIVES/busy/archives/busy-$today.rdb.sha256"
check "it is a plain dump file" redis-check-rdb "$ARCHIVES/busy/archives/busy-$today.rdb"
kill "$benchmark" 2>/dev/null
wait "$begun"
check "the load ran" test "$(cat "$ROOT/load")" -gt 100
check_exit 75 "the same day again" gate 'backupctl --backup busy'
check "--verify" gate 'backupctl --verify busy'
check "a drill reads every key of the dump" $GATE --drill busy
check_says "and says so" "restorable, every key of it was read"
check "--list" gate 'backupctl --list busy'
check_says "names it as verified" "verified  disk  busy-$today.rdb"
redis-cli -p "$PLAIN" flushall >/dev/null; tool "$PLAIN" fill; digest "$PLAIN" plain.1
check "a server at rest" gate 'backupctl --backup plain'
check "of an ACL user, append-only files on" gate 'backupctl --backup aof'
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.1
check_exit 65 "a server without keys is not backed up" gate 'backupctl --backup tls'
check_says "says why" "holds no keys"
redis-cli --tls --cacert "$ROOT/redis-ca.crt" -p "$TLS" -a "$REDISSECRET" --no-auth-warning set key value >/dev/null
check "over TLS" gate 'backupctl --backup tls'

# What fails says what, and leaves the last good dump.
sha256sum "$ARCHIVES"/*/archives/* >"$ROOT/before"
check_exit 69 "wrong password" $GATE --backup wrong
check_says "says so" "does not accept the user or the password"
check_exit 78 "no password" $GATE --backup nopassword
check_says "says so" "wants a password"
check_exit 69 "server down" $GATE --backup down
check_says "says so" "does not answer"
check_exit 69 "a TLS port spoken to without" $GATE --backup notls
mkdir "$ROOT/redis-full"; mount -t tmpfs -o size=1m none "$ROOT/redis-full"
start_redis full "$FULL"; tool "$FULL" fill
check_exit 74 "a server whose disk is full" $GATE --backup full
check_says "says so" "could not save"
stop_redis full; umount "$ROOT/redis-full"
chmod 500 "$ROOT/redis-plain"
check_exit 74 "a server that may not write its directory" $GATE --backup fails
chmod 700 "$ROOT/redis-plain"
slow() { redis-cli -p "$PLAIN" config set rdb-key-save-delay "$1" >/dev/null; }   # microseconds a key
slow 5000
begin "$ROOT/broken" $GATE --backup fails
until redis-cli -p "$PLAIN" info persistence | grep -q bgsave_in_progress:1; do kill -0 "$begun" || break; sleep 0.1; done
stop_redis plain; plain
wait "$begun"; check "a server that is restarted meanwhile" test $? = 69
check "says so" grep -qE 'restarted|does not answer|ended the connection' "$ROOT/broken"
sha256sum "$ARCHIVES"/*/archives/* >"$ROOT/after"
check_same "every dump is what it was" "$ROOT/before" "$ROOT/after"
tool "$PLAIN" fill; slow 3000; redis-cli -p "$PLAIN" bgsave >/dev/null
check "a save that runs is waited for" $GATE --backup fails

# Everything destroyed.
wiped plain
check "restored to an empty server" restore plain --archive latest
check_says "told by database" "database 7  300 keys"
digest "$PLAIN" plain.2
check_same "every key, value, expiry, group and function is back" "$ROOT/plain.1" "$ROOT/plain.2"
stop_redis plain; plain
digest "$PLAIN" plain.2
check_same "also after the server was restarted" "$ROOT/plain.1" "$ROOT/plain.2"
check_exit 69 "a second restore, undecided" restore plain --archive latest
check "rollback to the empty server" $GATE --restore-rollback plain
check "which is empty again" test "$(tool "$PLAIN" count)" = 0
check_exit 69 "nothing is kept any more" $GATE --restore-rollback plain
wiped aof
check "restored with append-only files on" restore aof --archive "$today"
check_says "says what was loaded" "append-only files are on"
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2
check_same "every key is back" "$ROOT/aof.1" "$ROOT/aof.2"
rm -f "$ROOT/redis-aof/dump.rdb"; stop_redis aof; aof
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2
check_same "also after the server was restarted, from its append-only files" "$ROOT/aof.1" "$ROOT/aof.2"
check "commit" $GATE --restore-commit aof
check_exit 75 "commit again" $GATE --restore-commit aof
check "restored over TLS" restore tls --archive latest
check "commit" $GATE --restore-commit tls

admin() { redis-cli -p "$AOF" -a "$REDISSECRET" --no-auth-warning "$@" >/dev/null; }
admin acl setuser keeper -flushall
check_exit 78 "a user who may not empty the server" restore aof --archive latest
check_says "is told which right it lacks" "NOPERM"
check_says "and that nothing was touched" "nothing was touched"
check_not "nor kept" test -e "$STATE/kept/aof"
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2; check_same "every key is there" "$ROOT/aof.1" "$ROOT/aof.2"
admin acl setuser keeper -sync
check_exit 78 "a user who may not fetch a dump" restore aof --archive latest
admin acl setuser keeper +flushall +sync

# A full server: what was there is put back.
redis-cli -p "$PLAIN" mset mine 1 yours 2 >/dev/null; redis-cli -p "$PLAIN" -n 4 set other 3 >/dev/null
digest "$PLAIN" own.1
begin "$ROOT/held" python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$PLAIN" hold 60
until grep -q connected "$ROOT/held"; do kill -0 "$begun" || break; sleep 0.1; done
check_exit 69 "a server with other clients" restore plain --archive latest
check_says "says how many" "1 other clients"
digest "$PLAIN" own.2; check_same "is not touched" "$ROOT/own.1" "$ROOT/own.2"
check "--with-clients" restore plain --archive latest --with-clients
digest "$PLAIN" plain.2; check_same "restores all the same" "$ROOT/plain.1" "$ROOT/plain.2"
check "rollback" $GATE --restore-rollback plain
check_says "warns of the client" "1 other clients are connected to the server of plain, and find it emptied and filled again"
kill "$begun"
digest "$PLAIN" own.2; check_same "what was there is there again" "$ROOT/own.1" "$ROOT/own.2"
# One that comes while what is there is kept: looked for again before anything is emptied.
redis-cli -p "$PLAIN" config set repl-diskless-sync-delay 3 >/dev/null
begin "$ROOT/late" $GATE --restore plain --archive latest --yes; restoring=$begun
until grep -q 'keeping what' "$ROOT/late"; do kill -0 "$restoring" || break; sleep 0.05; done
begin "$ROOT/held" python3 "$E2E_SOURCE/tests/e2e/redis_tool.py" "$PLAIN" hold 60
wait "$restoring"; status=$?
check "a client that comes while the old is kept: 69" test $status = 69
check "it was not there before" grep -q 'keeping what' "$ROOT/late"
check "says how many, and that nothing was touched" grep -q '1 other clients are connected.*nothing was touched' "$ROOT/late"
check_not "nothing is kept of it" test -e "$STATE/kept/plain"
digest "$PLAIN" own.2; check_same "nothing is touched" "$ROOT/own.1" "$ROOT/own.2"
kill "$begun"; wait "$begun" 2>/dev/null
redis-cli -p "$PLAIN" config set repl-diskless-sync-delay 0 >/dev/null

# Killed at random.
for round in 1 2 3 4 5; do
  begin "$ROOT/killed" $GATE --restore plain --archive latest --yes
  until grep -q 'keeping what' "$ROOT/killed"; do kill -0 "$begun" || break; sleep 0.05; done
  sleep "0.$((RANDOM % 10))"
  kill -9 "$begun" 2>/dev/null; wait "$begun" 2>/dev/null
  sleep 0.5
  if [ -e "$STATE/kept/plain" ]; then
    if ((round % 2)); then
      check "killed, round $round: rolled back" $GATE --restore-rollback plain
      digest "$PLAIN" own.2; check_same "what was there is there" "$ROOT/own.1" "$ROOT/own.2"
    else
      grep -q '?' "$STATE/kept/plain.part" && check "killed, round $round: said again" restore plain --archive latest
      digest "$PLAIN" plain.2; check_same "what was restored is there" "$ROOT/plain.1" "$ROOT/plain.2"
      check "and what was there before the first comes back" $GATE --restore-rollback plain
      digest "$PLAIN" own.2; check_same "whole" "$ROOT/own.1" "$ROOT/own.2"
    fi
  else
    digest "$PLAIN" own.2; check_same "killed, round $round, before the server was touched" "$ROOT/own.1" "$ROOT/own.2"
  fi
done
# Killed for certain in the middle: the server is emptied, and takes no more.
start_middle() {
  redis-cli -p "$PLAIN" config set maxmemory 12mb >/dev/null; check_not "a server without the memory" restore plain --archive latest
  redis-cli -p "$PLAIN" config set maxmemory 0 >/dev/null
}
start_middle
check_says "says that a part is there" "may hold a part"
check_exit 69 "which is not committed" $GATE --restore-commit plain
check "said again" restore plain --archive latest
digest "$PLAIN" plain.2; check_same "all of it is there" "$ROOT/plain.1" "$ROOT/plain.2"
check "rollback" $GATE --restore-rollback plain
digest "$PLAIN" own.2; check_same "to what was there before the first" "$ROOT/own.1" "$ROOT/own.2"

# Refused before anything is touched.
dump=$ARCHIVES/aof/archives/aof-$today.rdb
cp "$dump" "$ROOT/good.rdb"
python3 - "$dump" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(100_000); byte = file.read(1)[0]; file.seek(100_000); file.write(bytes([byte ^ 1]))
PY
check_exit 65 "a damaged dump" restore aof --archive latest
cp "$ROOT/good.rdb" "$dump"
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2; check_same "touched nothing" "$ROOT/aof.1" "$ROOT/aof.2"
redis-cli -p "$PLAIN" replicaof 127.0.0.1 "$DOWN" >/dev/null
check_exit 78 "a replica" restore plain --archive latest
check_says "says so" "is a replica"
check_exit 69 "and one that lost its master is not backed up" $GATE --backup replica
check_says "says so" "has lost its master"
redis-cli -p "$PLAIN" replicaof no one >/dev/null
stop_redis plain; rm -f "$ROOT/redis-plain/dump.rdb"; plain --databases 4
check_exit 78 "a server of fewer databases" restore plain --archive latest
check_says "says so" "fewer databases"
check_says "and is not touched" "nothing was touched"
stop_redis plain
check_exit 69 "a server that is down" restore plain --archive latest

# backupctl-recovery(7), "Loss of Redis": a damaged append-only file, and by hand.
stop_redis aof
python3 - "$ROOT"/redis-aof/appendonlydir/*.incr.aof <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(0); file.write(b"damaged!" * 100)
PY
check_not "a damaged append-only file ends the server" aof
check_not "redis-check-aof tells" redis-check-aof "$ROOT/redis-aof/appendonlydir/appendonly.aof.manifest"
mv "$ROOT/redis-aof/appendonlydir" "$ROOT/redis-aof/appendonlydir.damaged"
check "put aside, the server starts" aof
check "and is restored" restore aof --archive latest
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2; check_same "whole" "$ROOT/aof.1" "$ROOT/aof.2"
check "commit" $GATE --restore-commit aof
check "by hand: the checksum" sh -c "cd '${dump%/*}' && sha256sum -c 'aof-$today.rdb.sha256'"
stop_redis aof; rm -rf "$ROOT/redis-aof/appendonlydir"
install -o redis -g redis -m 660 "$dump" "$ROOT/redis-aof/dump.rdb"
aof --appendonly no
admin config set appendonly yes
until redis-cli -p "$AOF" -a "$REDISSECRET" --no-auth-warning info persistence | grep -q aof_rewrite_in_progress:0; do sleep 0.2; done
stop_redis aof; rm -f "$ROOT/redis-aof/dump.rdb"; aof
REDIS_ADMIN=$REDISSECRET digest "$AOF" aof.2; check_same "by hand: every key is back, and stays" "$ROOT/aof.1" "$ROOT/aof.2"

rm "$ROOT/sampling"; wait "$sampler"
check "redis-cli was seen" grep -q 'redis-cli.*--user keeper' "$ROOT/ps"
check_not "without its password" grep -q "$REDISSECRET-keeper" "$ROOT/ps"
check_not "the secret is nowhere" grep -rqs "$REDISSECRET" "$STATE" "$out" "$ROOT/killed" /var/log/backupctl
check_not "nothing is left in the spool" compgen -G "$STATE/spool/*"
e2e_end
