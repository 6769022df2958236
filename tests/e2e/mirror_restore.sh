#!/bin/bash
# D7, X6 for mirrors: a sync leaves a signed manifest beside the mirror, and --restore --mirror gives back the tree of everything
# that backups tend to lose, equal for tools that are not ours; or nothing at all, when a byte of the remote is not the signed one.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
here=$E2E_SOURCE/tests/e2e
export LC_ALL=C.UTF-8
on_clean() { umount "$ROOT/vol" 2>/dev/null; }

e2e_install
# A file system of its own, that knows every attribute.
mkdir "$ROOT/vol"
truncate -s 512M "$ROOT/vol.img" && mkfs.ext4 -q "$ROOT/vol.img" && mount -o loop "$ROOT/vol.img" "$ROOT/vol" || echo "# on $ROOT itself"
TREE=$ROOT/vol/tree
"$here/odd_tree.py" "$TREE"
# No id beyond those that a worker's mapping knows (gate/sandbox/mount.h).
chown 65533:65533 "$TREE/owners/4"; chmod 1777 "$TREE/owners/4"
# What rclone itself cannot mirror: paths over 4 kB, a terabyte of holes, names that its own ending makes too long, of two names
# that are one when normalised the second.
chmod -R u+rwx "$TREE/deep" && rm -rf "$TREE/deep" "$TREE/sparse/huge" "$TREE"/names/nnn*.link "$TREE"/names/cafe$'\u0301'*
mkdir -p "$ROOT/vol/small" "$ROOT/vol/hot"; seq 1 1000 >"$ROOT/vol/small/numbers"; echo one >"$ROOT/vol/hot/one"; echo two >"$ROOT/vol/hot/two"; ln "$ROOT/vol/hot/two" "$ROOT/vol/hot/two-again"
cat >/usr/local/bin/standing-still <<'SH'
#!/bin/sh
[ "$1" != --status ] || exit 3
SH
chmod 755 /usr/local/bin/standing-still
write_policy - <<TOML
[controller.still]
kind = "command"
stop = ["/usr/local/bin/standing-still", "--stop"]
start = ["/usr/local/bin/standing-still", "--start"]
status = ["/usr/local/bin/standing-still", "--status"]
[service.odd]
controller = "still"
consistency = "cold"
path = "$TREE"
remotes = ["onedrive", "disk"]
[service.small]
controller = "still"
consistency = "cold"
path = "$ROOT/vol/small"
remotes = ["onedrive"]
[service.hot]
path = "$ROOT/vol/hot"
remotes = ["onedrive"]
TOML
start_webdav
CLOUD=$CLOUD/OdroidBackup
sync() { $GATE --sync "$1"; }
restore() { rm -rf "$ROOT/copy"; $GATE --restore "$1" --mirror --to "$ROOT/copy"; }
refused() {   # TITLE SERVICE WORDS
  check_exit 65 "$1: refused" restore "$2"
  check_says "… says so: $3" "$3"
  check "… nothing was written" test ! -e "$ROOT/copy"
}
dump() { "$here/dump_tree.py" "$1" >"$2"; }
same_for_rsync() { [ -z "$(rsync -aHAXn --itemize-changes --checksum --delete "$1/" "$2/" 2>&1 | grep -vE ' special/(socket|null)$|^\.d..t.* special/$' | tee /dev/stderr)" ]; }

check_exit 65 "before the first sync there is nothing to restore from" restore odd
check "sync" sync odd
dump "$TREE" "$ROOT/tree.dump"
check "the tree holds what it is to hold" test "$(wc -l <"$ROOT/tree.dump")" -gt 80 -a "$(grep -c security.capability "$ROOT/tree.dump")" = 2
for place in "$CLOUD/odd" "$ROOT/disk/odd"; do
  check "a manifest lies beside the mirror, which has none in it: $place" test -s "$place/data.manifest.json" -a ! -e "$place/data/data.manifest.json"
done
check "… and is JSON that says what it is of" python3 - "$CLOUD/odd/data.manifest.json" <<'PY'
import json, sys
m = json.load(open(sys.argv[1], encoding="utf-8"))
s = m["signed"]
assert (s["service"], s["archive"], s["source"], s["format"], s["status"], s["consistency"]) == ("odd", "data", "tree", "files", "complete", "cold"), s
assert s["files_count"] == len(m["files"]) == s["members"] and s["sha256"] == s["files_sha256"], s
assert s["size"] == sum(f.get("size", 0) for f in m["files"]), s
PY
check "restore from the mirror" restore odd
dump "$ROOT/copy/data" "$ROOT/copy.dump"
check_same "… as it was: content, owner, mode, time, links, holes, attributes, lists" "$ROOT/tree.dump" "$ROOT/copy.dump"
check "… rsync sees no difference" same_for_rsync "$TREE" "$ROOT/copy/data"
check "… the spool is clean" test -z "$(ls -A $STATE/spool)"
rm "$CLOUD/odd/data.manifest.json"
check "a remote whose manifest is gone is passed over" restore odd
check_says "… and said so" "passed over: it has no manifest"
dump "$ROOT/copy/data" "$ROOT/copy.dump"
check_same "… a directory remote gives the same" "$ROOT/tree.dump" "$ROOT/copy.dump"

# A remote that does not keep what it was given. One service, one remote, so that there is no other to pass on to.
MIRROR=$CLOUD/small
echo first >"$ROOT/vol/small/a"; echo second >"$ROOT/vol/small/b"; ln "$ROOT/vol/small/b" "$ROOT/vol/small/b-again"
for service in small hot; do check "sync $service" sync $service; done
cp -a "$MIRROR" "$ROOT/good"
again() { rm -rf "$MIRROR"; cp -a "$ROOT/good" "$MIRROR"; }
check "control: untouched, it restores" restore small
sed -i s/first/First/ "$MIRROR/data/a"; refused "a file changed in place, same size" small "is not what its manifest says (SHA-256): a"
again; rm "$MIRROR/data/b"; refused "a file that is gone" small "is missing in the mirror: b"
again; echo more >>"$MIRROR/data/numbers"; refused "a file that has grown" small "bytes in the mirror and 3893 in its manifest: numbers"
again; sed -i 's/"uid":0/"uid":1/' "$MIRROR/data.manifest.json"; refused "an owner changed in the manifest's list" small "not the one that was signed"
again; sed -i '1s/"size":/"size":1/' "$MIRROR/data.manifest.json"; refused "a number changed in what is signed" small "its signature is wrong"
again; cp "$CLOUD/hot/data.manifest.json" "$MIRROR/"; refused "the manifest of another service" small "belongs to the service hot"
again; head -c -3 "$ROOT/good/data.manifest.json" >"$MIRROR/data.manifest.json"; refused "a manifest that is cut off" small "cut off"
again; rm "$MIRROR/data.manifest.json"; refused "no manifest" small "it has no manifest; a --sync"
again; rm -rf "$MIRROR/data"; refused "no mirror" small "is missing in the mirror: numbers"
again; echo surplus >"$MIRROR/data/surplus"; ln -s /etc/passwd "$MIRROR/data/leads-out"
check "what the manifest does not name is ignored" restore small
check_says "… with a note" "1 files of the mirror are not in its manifest"
check "… and not written" test ! -e "$ROOT/copy/data/surplus" -a ! -e "$ROOT/copy/data/leads-out" -a ! -L "$ROOT/copy/data/leads-out"
again; rm "$MIRROR/data/a"; printf /etc/passwd >"$MIRROR/data/a.rclonelink"; refused "a link in a file's place" small "is missing in the mirror: a"
again

# An old mirror with its own old manifest is not refused, there might be no other; this host remembers that it is old.
echo changed >"$ROOT/vol/small/a"; sleep 1; check "sync" sync small
again; check "a mirror of before, given back whole, restores" restore small
check_says "… with a warning" "somebody gave an older one back"
check "sync repairs it" sync small

# The mirror moves on, its manifest with it; what a guard refuses changes neither.
echo changed >"$ROOT/vol/small/a"; chown 77:88 "$ROOT/vol/small/a"; rm "$ROOT/vol/small/b-again"; mkdir "$ROOT/vol/small/new"
check "sync after a change" sync small
check "… restores the new state" restore small
check "… rsync sees no difference" same_for_rsync "$ROOT/vol/small" "$ROOT/copy/data"
for i in 1 2 3 4 5 6 7 8; do echo $i >"$ROOT/vol/small/$i"; done
check "sync" sync small
sha256sum "$MIRROR/data.manifest.json" >"$ROOT/want"
mkdir "$ROOT/aside"; mv "$ROOT"/vol/small/[1-8] "$ROOT/aside"
check_exit 65 "a sync that would delete too much is refused" sync small
sha256sum "$MIRROR/data.manifest.json" >"$ROOT/got"
check_same "… and the manifest stays" "$ROOT/want" "$ROOT/got"
mv "$ROOT"/aside/* "$ROOT/vol/small"

# A crash between mirror and manifest: the old manifest vouches for what it knows, and for no other byte.
cp -a "$MIRROR/data.manifest.json" "$ROOT/old"; echo newer >"$ROOT/vol/small/9"
check "sync" sync small
cp "$ROOT/old" "$MIRROR/data.manifest.json"
check "new files of a sync that was broken off are left out" restore small
check "… the state before it is restored" test ! -e "$ROOT/copy/data/9" -a -e "$ROOT/copy/data/8"
echo overwritten >"$ROOT/vol/small/8"; check "sync" sync small; cp "$ROOT/old" "$MIRROR/data.manifest.json"
refused "one that overwrote a file" small "in its manifest: 8"

# A hot tree may change between mirror and list: what differs is left out, by name, and the rest is restored.
check "a hot service restores" restore hot
echo 2wo >"$CLOUD/hot/data/two"
check_exit 74 "a hot file that is not what was listed" restore hot
check_says "… is left out" "restored to $ROOT/copy, but 2 files"
check "… with its other name; the rest is there" test ! -e "$ROOT/copy/data/two" -a ! -e "$ROOT/copy/data/two-again" -a -e "$ROOT/copy/data/one"

check_exit 64 "--mirror and --archive exclude each other" $GATE --restore small --mirror --archive latest --to "$ROOT/none"
check_exit 64 "… and --only" $GATE --restore small --mirror --only 1 --to "$ROOT/none"
# In place, with a way back.
rm -f "$ROOT/vol/small/7"; echo unwanted >"$ROOT/vol/small/1"
check "sync" sync hot
echo overwritten >"$ROOT/vol/small/8"; echo kept >"$ROOT/vol/small/7"; check "sync" sync small
echo lost >"$ROOT/vol/small/7"
check "in place" $GATE --restore small --mirror --yes
check "… it is the mirror's" grep -qx kept "$ROOT/vol/small/7"
check "… and back" $GATE --restore-rollback small
check "… it is what was there" grep -qx lost "$ROOT/vol/small/7"
echo 3wo >"$CLOUD/hot/data/two"
check_exit 74 "what is not whole takes no tree's place" $GATE --restore hot --mirror --yes
mkdir "$ROOT/full"; touch "$ROOT/full/file"
check_exit 69 "a directory that is not empty" $GATE --restore small --mirror --to "$ROOT/full"
check "the spool is clean" test -z "$(ls -A $STATE/spool)"
check "the journal verifies" $GATE --verify-journal
e2e_end
