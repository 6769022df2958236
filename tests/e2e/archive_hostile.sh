#!/bin/bash
# X5, D2, D8: trees that change or attack while they are read, a spool that is full, archives that attack whoever restores them.
# Reader and extractor run unconfined here: what holds is their own care, not the sandbox's.
. "$(dirname "$0")/lib.sh"
tool=$E2E_BUILD/tests/e2e/archive_tool
export LC_ALL=C.UTF-8
ROOT=$(mktemp -d /dev/shm/backupctl-hostile-XXXXXX)  # in memory: changes are to fall into the reading, not the disk's waiting
out=$ROOT/out.txt
on_exit() { [ -z "${busy:-}" ] || kill "$busy" 2>/dev/null; umount "$ROOT/small" 2>/dev/null; rm -rf "$ROOT"; }
trap on_exit EXIT
cd "$ROOT" || exit 1

number() { awk -v n="$1" '$1 == "result" { print $(n + 2) }' last.txt; }
run_tool() { timeout 60 "$tool" "$@" | tee last.txt; return "${PIPESTATUS[0]}"; }
result() { check "$1" test "$(number "$2")" "$3" "$4"; }   # TITLE NUMBER -ge VALUE, of the last read or extract
read_tree() { rm -rf spool; mkdir spool; run_tool read "$1" spool --format tar.gz "${@:2}"; }
extract() { rm -rf copy; mkdir copy; run_tool extract copy --format tar.gz "${@:2}" <"$1"; }
during() { bash -c "cd '$ROOT/tree' && while :; do $1; done" & busy=$!; }
no_more() { kill $busy; wait $busy 2>/dev/null; busy=; }

as_nobody() { setpriv --reuid 65534 --clear-groups "$tool" "$@" | tee last.txt; return "${PIPESTATUS[0]}"; }
few_descriptors() { (ulimit -n 100; "$@"); }

# Changes. A large file first, so that the change falls into its reading.
mkdir tree; head -c 100M /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 >tree/large 2>/dev/null
echo still >tree/zlast
during 'echo x >>large; sleep 0.02'
check "a growing file is archived" read_tree tree
result "… and counted as changed" 3 -ge 1
check "… at the size its header says" tar -tzf spool/archive data/zlast
check "a growing file of a hot tree is read again twice" read_tree tree --hot --level 1
result "… and does not make the run incomplete" 3 -eq 0
result "… but is counted apart" 6 -ge 1
no_more
during 'truncate -s 60M large; truncate -s 80M large; sleep 0.02'
check "a file that is cut off and grown is archived" read_tree tree --level 1
result "… and counted as changed" 3 -ge 1
check "… and the archive is whole" extract spool/archive
no_more
truncate -s 100M tree/large
during 'for i in 1 2 3 4 5 6 7 8; do echo $i >zz$i; done; rm zz*'
check "files that come and go" read_tree tree --level 1
result "… make the run incomplete" 3 -ge 1
no_more
rm tree/*; echo a >tree/a; echo b >tree/b; chmod 0 tree/b
chmod 755 "$ROOT"; mkdir spool-nobody; chown 65534 spool-nobody
check "a file that may not be read" as_nobody read tree spool-nobody --format tar.gz
check_says "… is named" "cannot be opened: Permission denied: b"
result "… and counted" 3 -eq 1
check "… while the rest is there" tar -tzf spool-nobody/archive data/a

# Attacks on the reader.
rm -rf tree; mkdir -p tree/dir tree/zdir; head -c 30M /dev/urandom >tree/large; echo content >tree/zdir/file
mkfifo "$ROOT/fifo"; ln -s /etc "$ROOT/etc-link"; ln -s /etc/passwd "$ROOT/passwd-link"; mkdir "$ROOT/other"
during 'ln -sfn /etc/passwd zswap; rm -f zswap; mkfifo zswap; rm -f zswap; echo text >zswap; rm zswap; mkdir zswap; rmdir zswap'
for i in 1 2 3 4 5 6 7 8; do check "a name that is link, FIFO, file, directory in turn, round $i" read_tree tree --level 1; done
no_more
during 'mv zdir ../other/zdir; ln -s /etc zdir; rm zdir; mv ../other/zdir zdir'
for i in 1 2 3 4 5 6 7 8; do
  check "a directory that is swapped for a link to /etc, round $i" read_tree tree --level 1
  check_not "… nothing of /etc is in the archive" tar -tzf spool/archive data/zdir/passwd
done
no_more
rm -rf tree; mkdir tree; python3 - tree <<'PY'
import os, sys
at = os.open(sys.argv[1], os.O_RDONLY)
for i in range(10000):
    os.mkdir("d", dir_fd=at); below = os.open("d", os.O_RDONLY, dir_fd=at); os.close(at); at = below
os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=at))
PY
check "10,000 levels with 100 descriptors" few_descriptors read_tree tree
result "… are all there" 1 -eq 10002
result "… and readable" 3 -eq 0
check "… and restore with 100 descriptors" few_descriptors extract spool/archive --members 10002
result "… every one" 1 -eq 10002

# A spool that is full.
mkdir small; rm -rf tree; mkdir tree; head -c 20M /dev/urandom >tree/file
if mount -t tmpfs -o size=4m none small 2>/dev/null; then
  read_tree tree >/dev/null
  check_exit 74 "a full spool" "$tool" read tree small --format tar.gz
  check_says "… says what it is" "No space left on device"
  check "… is left empty" test -z "$(ls -A small)"
  check_exit 74 "a full target" bash -c "'$tool' extract small --format tar.gz <spool/archive"
  umount small
else
  skip "a full spool" "no tmpfs can be mounted"
fi

# Attacks on whoever restores.
python3 - <<'PY'
import gzip, io, tarfile
def make(name, *members):
    with tarfile.open(name + ".tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for path, kind, value in members:
            info = tarfile.TarInfo(path)
            info.type = kind
            data = b""
            if kind == tarfile.REGTYPE:
                data = value
                info.size = len(data)
            elif value:
                info.linkname = value
            tar.addfile(info, io.BytesIO(data))
REG, SYM, LNK, DIR, CHR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE
make("absolute", ("/tmp/backupctl-escaped", REG, b"x"))
make("dotdot", ("data/../../backupctl-escaped", REG, b"x"))
make("dots", ("..", DIR, ""))
make("through-link", ("data", DIR, ""), ("data/link", SYM, "/var/tmp"), ("data/link/backupctl-escaped", REG, b"x"))
make("through-up", ("data", DIR, ""), ("data/link", SYM, "../.."), ("data/link/backupctl-escaped", REG, b"x"))
make("over-link", ("data", DIR, ""), ("data/link", SYM, "/var/tmp/backupctl-escaped"), ("data/link", REG, b"x"))
make("hard-out", ("data/link", LNK, "../../../etc/passwd"))
make("hard-absolute", ("data/link", LNK, "/etc/passwd"))
make("hard-through", ("data/up", SYM, "/etc"), ("data/link", LNK, "data/up/passwd"))
make("hard-missing", ("data/link", LNK, "data/nothing"))
make("device", ("data/null", CHR, ""), ("data/file", REG, b"x"))
make("bomb", ("data/zeros", REG, b"\0" * 50_000_000))
make("twice", ("data/f", REG, b"first"), ("data/f", REG, b"second"), ("data/d", REG, b"x"), ("data/d", DIR, ""), ("data/d/in", REG, b"in"))
good = open("twice.tar.gz", "rb").read()
open("cut.tar.gz", "wb").write(good[:-12])
tar = gzip.decompress(good)
open("cut-tar.tar.gz", "wb").write(gzip.compress(tar[:700]))
open("flipped.tar.gz", "wb").write(good[:60] + bytes([good[60] ^ 1]) + good[61:])
open("no-tar.tar.gz", "wb").write(gzip.compress(b"hello\n" * 1000))
open("empty.tar.gz", "wb").write(gzip.compress(bytes(1024)))
PY
for attack in absolute dotdot dots hard-out hard-absolute; do
  check_exit 65 "$attack: refused before anything is written" extract $attack.tar.gz --verify-only
  check_says "… as suspicious" "suspicious"
  check_exit 65 "$attack: refused when it is written" extract $attack.tar.gz
done
for attack in through-link through-up hard-through; do check_exit 65 "$attack: refused" extract $attack.tar.gz; done
# The control: a naive extraction does write outside.
mkdir naive; check "the attack is real" bash -c 'tar -C naive -P -xzf through-link.tar.gz; test -e /var/tmp/backupctl-escaped'; rm -f /var/tmp/backupctl-escaped
check "over-link: the link is replaced, not followed" extract over-link.tar.gz
check "nothing was written outside" test ! -e /tmp/backupctl-escaped -a ! -e /var/tmp/backupctl-escaped -a ! -e "$ROOT/backupctl-escaped"
check "device: left out" extract device.tar.gz
result "… and reported" 4 -eq 1
check "… the rest restored" test -f copy/data/file -a ! -e copy/data/null
for broken in cut cut-tar flipped no-tar empty hard-missing; do check_exit 65 "$broken: refused" extract $broken.tar.gz; done
check_exit 65 "bomb: ends at the announced size" extract bomb.tar.gz --content-bytes 1000000
check "… before it is written" test "$(du -sk copy | cut -f1)" -lt 2000
check_exit 65 "more members than announced" extract twice.tar.gz --members 4 --verify-only
check_exit 65 "fewer members than announced" extract twice.tar.gz --members 6 --verify-only
check "a later member wins" extract twice.tar.gz --members 5
check "… file over file, directory over file" test "$(cat copy/data/f copy/data/d/in)" = secondin
check_exit 69 "a target that is not empty" run_tool extract "$ROOT" --format tar.gz
e2e_end
