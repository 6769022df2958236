#!/bin/bash
# What databases' programs may take of this host: memory, whatever a server sends or a dump unpacks to; and whom they believe to
# be the server behind a socket.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/databases.sh"
e2e_begin "$@"

REDIS=$(free_port)
make_postgres && start_postgres && start_redis plain "$REDIS" || { fail "the servers run"; e2e_end; }
on_clean() { umount /proc/meminfo 2>/dev/null; stop_postgres immediate 2>/dev/null; }
e2e_install
echo "$PGSECRET" >/etc/backupctl/shop.pw; chmod 600 /etc/backupctl/shop.pw
# policy DIRECTORY: where the server's socket is said to lie.
policy() {
  write_policy - <<CONF
[service.shop]
postgres = { host = "$1", port = $PGPORT, user = "shop", database = "shop", password_file = "/etc/backupctl/shop.pw" }
remotes = ["disk"]
[service.cache]
redis = { host = "localhost", port = $REDIS }
remotes = ["disk"]
CONF
}
policy "$ROOT/pgsocket"
sql postgres "create role shop login password '$PGSECRET'"; sql postgres 'create database shop owner shop'
sql shop "create table big as select decode(repeat('ab', 100000000), 'hex') as value"; sql shop 'alter table big owner to shop'
redis-cli -p "$REDIS" setrange bomb 300000000 x >/dev/null     # half a megabyte of a dump

# available MIB: the host has that much memory left, as far as it says.
available() {
  umount /proc/meminfo 2>/dev/null
  sed "s/^MemAvailable:.*/MemAvailable:   $(($1 * 1024)) kB/" /proc/meminfo >"$ROOT/meminfo"
  mount --bind "$ROOT/meminfo" /proc/meminfo
}
available 600
check_exit 69 "a value for which pg_dump gets no memory: 69" $GATE --backup shop
check_says "says so" "needs more memory than it may have, half of what was available on this host (314.6 MB)"
check_not "nothing was sent" compgen -G "$ROOT/disk/shop/archives/*"
check "a server's own lack of memory is told as its own" eval '! grep -q ERROR: "$out"'
check "the dump of a server whose value is large when it is unpacked" sh -c "umount /proc/meminfo; exec $GATE --backup cache"
available 400
check_exit 65 "it is not read back with less memory: 65" $GATE --restore cache --archive latest --yes
check_says "says so" "memory than it may have, half of what is available (268.4 MB)"
check "what the server holds is there" test "$(redis-cli -p "$REDIS" strlen bomb)" = 300000001
available 4000
check "with more memory the database is dumped" $GATE --backup shop
check "the other one is read back" $GATE --restore cache --archive latest --yes
check "and given up what it replaced" $GATE --restore-commit cache
umount /proc/meminfo
# Each key alone is small.
redis-cli -p "$REDIS" flushall >/dev/null
for ((i = 0; i < 15; i++)); do redis-cli -p "$REDIS" setrange part-$i 30000000 x >/dev/null; done
check "a dump that is large when all of it is unpacked" $GATE --backup cache --replace
available 600
check_exit 65 "is loaded by no server with less memory: 65" $GATE --restore cache --archive latest --yes
check_says "says so" "does not load the dump of cache"
check "what the server holds is there" test "$(redis-cli -p "$REDIS" dbsize)" = 15
umount /proc/meminfo

# A fake server's socket.
shared() { # TITLE DIRECTORY WORDS
  policy "$2"
  check_exit 78 "$1: 78" $GATE --backup shop --replace
  check_says "says which" "$3, so that any account could listen there"
}
install -d -m 1777 "$ROOT/everybody"
install -d -o postgres -m 755 "$ROOT/everybody/made-by-anybody"
ln -s "$ROOT/pgsocket" "$ROOT/everybody/link"; ln -s "$ROOT/everybody/made-by-anybody" "$ROOT/to-there"; ln -s "$ROOT/pgsocket" "$ROOT/link"
shared "a socket where everybody may make one" "$ROOT/everybody" "$ROOT/everybody leads through the directory everybody, which everybody can write to"
shared "a directory that everybody may make" "$ROOT/everybody/made-by-anybody" "leads through the directory everybody, which everybody can write to"
shared "a link that everybody may make" "$ROOT/everybody/link" "leads through the directory everybody, which everybody can write to"
shared "a link to there" "$ROOT/to-there" "leads through the directory everybody, which everybody can write to"
policy "$ROOT/link"; check "a link of root's" $GATE --backup shop --replace
install -d -m 710 "$ROOT/engine"; install -d "$ROOT/engine/data"; mount --bind "$ROOT/pgsocket" "$ROOT/engine/data"; chmod 1777 "$ROOT/pgsocket"
policy "$ROOT/engine/data"; check "a container's volume, which nobody else can enter" $GATE --backup shop --replace
umount "$ROOT/engine/data"
shared "the same where everybody can" "$ROOT/pgsocket" "which everybody can write to"
policy "$ROOT/pgsocket"; chmod 2775 "$ROOT/pgsocket"
check "a directory of the server's and its group, as Debian has it" $GATE --backup shop --replace
policy "$ROOT/nowhere"; check_exit 69 "no such directory: the server does not answer" $GATE --backup shop --replace
check_says "says so" "the server does not answer"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
