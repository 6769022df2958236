#!/bin/bash
# D7: what is restored equals what was backed up. A tree of everything that backups tend to lose goes through the reader and
# the extractor, unconfined, and through GNU tar and bsdtar; the copies are compared by tools that are not ours.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$(readlink -f "$0")")
tool=$E2E_BUILD/tests/e2e/archive_tool
export LC_ALL=C.UTF-8
ROOT=$(mktemp -d /var/tmp/backupctl-fidelity-XXXXXX) out=$ROOT/out.txt
trap 'cd /; umount "$ROOT" 2>/dev/null; rm -rf "$ROOT" "$ROOT.img"' EXIT
# A small file system of its own: everything is synced, and the host's disk may be busy.
truncate -s 512M "$ROOT.img" && mkfs.ext4 -q "$ROOT.img" && mount -o loop "$ROOT.img" "$ROOT" 2>/dev/null || echo "# on $ROOT itself"
cd "$ROOT" || exit 1

# Metadata as find, getfattr and getfacl see it; sorted, and without what no archive holds.
metadata() {
  (cd "$1" || exit
   find . -path ./deep -prune -o -not -type s -not -type c -printf '%p|%y|%m|%U:%G|%T@|%s|%n|%l\0' | sort -z | tr '\n\0' '?\n' | sed 's/^\(.*|d|[^|]*|[^|]*|[^|]*\)|[0-9]*|[0-9]*|/\1|||/'
   find . -path ./deep -prune -o -not -type s -not -type c -print0 | sort -z | xargs -0 getfattr -h -d -e hex -m '^(user|security)\.' --
   find . -path ./deep -prune -o \( -type f -o -type d -o -type p \) -print0 | sort -z | xargs -0 getfacl -n -p -- ) 2>/dev/null
}
extract() { "$tool" extract "$1" "${@:3}" <"$2"; }   # TARGET ARCHIVE ARGUMENT…
number() { awk -v n="$2" '$1 == "result" { print $(n + 2) }' "$1"; }
same_number() { [ "$(number "$1" "$2")" = "$3" ]; }

"$here/odd_tree.py" tree
"$here/dump_tree.py" tree >tree.dump
metadata tree >tree.metadata
check "the tree holds what it is to hold" test "$(wc -l <tree.dump)" -gt 690 -a "$(grep -c security.capability tree.dump)" = 2

for format in tar.gz tar.zst; do
  mkdir "spool.$format" "copy.$format"
  "$tool" read tree "spool.$format" --format $format >"read.$format" 2>&1
  members=$(number "read.$format" 1) content=$(number "read.$format" 2)
  check "$format: nothing is unreadable" same_number "read.$format" 3 0
  check "$format: socket, device and FIFO are reported" same_number "read.$format" 4 3
  check "$format: the digest is sha256sum's" grep -q "^result.* $(sha256sum "spool.$format/archive" | cut -d' ' -f1) " "read.$format"
  check "$format: files.jsonl's too" grep -q "^entry.* $(sha256sum "spool.$format/files.jsonl" | cut -d' ' -f1) " "read.$format"
  check "$format: the archive verifies" extract / "spool.$format/archive" --verify-only --format $format --members "$members" --content-bytes "$content"
  extract "copy.$format" "spool.$format/archive" --format $format --members "$members" --content-bytes "$content" >"extract.$format" 2>&1
  check "$format: everything is restored" same_number "extract.$format" 3 0
  "$here/dump_tree.py" "copy.$format/data" >"copy.$format.dump"
  check_same "$format: restored as it was, every inode, also 12 kB deep" tree.dump "copy.$format.dump"
  metadata "copy.$format/data" >"copy.metadata"
  check_same "$format: find, getfattr and getfacl see no difference" tree.metadata copy.metadata
  rsync -aHAXn --itemize-changes --checksum --delete --exclude /deep --exclude /sparse/huge tree/ "copy.$format/data/" 2>&1 | grep -vE ' special/(socket|null)$|^\.d..t.* special/$' >differences
  check_same "$format: rsync sees no difference" /dev/null differences
done

# The same in the gate's cages: owners go through two mappings, capabilities count in a user namespace, /proc is not there.
# Ids from 0x6FFF0000 on lie outside of the mapping (gate/sandbox/mount.h).
chown 65533:65533 tree/owners/4; chmod 1777 tree/owners/4; touch tree/owners; "$here/dump_tree.py" tree >tree.dump
mkdir spool.confined copy.confined
"$tool" confined read tree spool.confined --format tar.gz >read.confined 2>&1
check "confined: nothing is unreadable" same_number read.confined 3 0
confined_extract() { "$tool" confined extract copy.confined --format tar.gz <spool.confined/archive >extract.confined 2>&1; }
check "confined: restored" confined_extract
check "confined: everything is restored" same_number extract.confined 3 0
"$here/dump_tree.py" copy.confined/data >copy.confined.dump
check_same "confined: restored as it was" tree.dump copy.confined.dump

# The list without an archive: the same lines, and nothing else in the spool.
mkdir spool.list
"$tool" confined read tree spool.list --list-only >read.list 2>&1
check_same "a list alone is the one that an archive has beside it" spool.confined/files.jsonl spool.list/files.jsonl
check "… its digest too" test "$(grep ^entry read.list)" = "$(grep ^entry read.confined)" -a -n "$(grep ^entry read.list)"
check "… the same content was read, no archive made" test "$(number read.list 2)" = "$(number read.confined 2)" -a "$(number read.list 0)" = 0 -a "$(ls spool.list)" = files.jsonl

# The list says what sha256sum and stat say.
check "files.jsonl agrees with sha256sum and stat" python3 - tree spool.confined/files.jsonl <<'PY'
import base64, hashlib, json, os, sys
lines = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
files = 0
for line in lines:
    path = base64.b64decode(line["path_b64"]) if "path_b64" in line else os.fsencode(line["path"])
    path = os.fsencode(sys.argv[1]) + b"/" + path
    if len(path) > 4000:
        continue
    st = os.lstat(path)
    assert (int(line["mode"], 8), line["uid"], line["gid"]) == (st.st_mode & 0o7777, st.st_uid, st.st_gid), path
    assert line["mtime"] * 10**9 + line["mtime_ns"] == st.st_mtime_ns, path
    if line["type"] == "file":
        assert line["size"] == st.st_size, path
        assert ("sha256" in line) == ("hardlink" not in line and st.st_size < 1 << 40), path
    if "sha256" in line:
        files += 1
        assert hashlib.sha256(open(path, "rb").read()).hexdigest() == line["sha256"], path
    for name, value in line.get("xattrs", {}).items():
        assert os.getxattr(path, name, follow_symlinks=False) == base64.b64decode(value), path
assert files > 50 and sum("hardlink" in line for line in lines) > 5 and len(lines) == len({l.get("path_b64", l["path"]) for l in lines})
PY

# Restoring by hand, with the tools at hand. Neither takes paths over 4 kB; GNU tar writes some characters of attribute names
# as %XX, as bsdtar does with all that it writes; libarchive and GNU tar count a fraction of a second before 1970 differently.
rm -rf tree/deep; touch -d @-1000000000 tree/owners/old; setfattr -x $'user.a=b %41 \u00e9' tree/attributes/odd
rm -rf spool.tar.gz/* copy.tar.*; "$tool" read tree spool.tar.gz --format tar.gz >read.txt
"$here/dump_tree.py" tree >tree.dump
mkdir gnu bsd
check "GNU tar restores it" tar -C gnu --xattrs --xattrs-include='*' --acls -xpzf spool.tar.gz/archive
grep -vE "hdrcharset|time stamp" "$out" >differences
check_same "… and complains of nothing but the marked names" /dev/null differences
"$here/dump_tree.py" gnu/data >gnu.dump; check_same "… as it was" tree.dump gnu.dump
check "bsdtar restores it" bsdtar -C bsd --xattrs --acls -xpf spool.tar.gz/archive
"$here/dump_tree.py" bsd/data >bsd.dump; check_same "… as it was" tree.dump bsd.dump
ln spool.tar.gz/archive whole.gz; ln spool.tar.zst/archive whole.zst
check "gzip takes it for one file" gzip -t whole.gz
check "zstd takes it for one file" zstd -tq whole.zst
check "the same tree gives the same archive" cmp <("$tool" read tree "$(mktemp -d -p "$ROOT")" --format tar.gz --threads 1 | grep ^result) <(grep ^result read.txt)

# Archives that GNU tar and bsdtar made restore as well.
# (Two names that differ by normalisation alone are one to libarchive, unless the archive says otherwise, as ours do.)
rm -f tree/names/cafe$'\u0301'*; "$here/dump_tree.py" tree >tree.dump
tar -C tree --transform 's,^\.,data,S' --xattrs --xattrs-include='user.*' --xattrs-include='security.*' --acls --numeric-owner --sparse --format=posix --pax-option=delete=atime,delete=ctime --exclude=special/socket --exclude=special/null -czf gnu.tar.gz . 2>/dev/null
mkdir from-gnu; check "an archive of GNU tar restores" extract from-gnu gnu.tar.gz --format tar.gz
"$here/dump_tree.py" from-gnu/data >gnu.dump; check_same "… as it was" tree.dump gnu.dump
e2e_end
