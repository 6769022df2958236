#!/bin/bash
# A bucket of a real S3 server: mirrored from server to server while it is written to, with what goes wrong.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/bucket.inc.sh"

check_exit 65 "no mirror yet: --verify" $GATE --verify briefs
check_exit 65 "… nor anything to restore" $GATE --restore briefs --mirror --yes
check_exit 77 "a bucket takes no --sync" $GATE --sync briefs

# Under load: 25 objects are written, and one overwritten, while it runs.
(for i in {1..25}; do echo "$i" | s3 rcat "minio:kohakku/briefs/live/$i"; echo "$i" | s3 rcat minio:kohakku/briefs/live/again; done) & load=$!
check "a backup while objects are written" $GATE --backup briefs
check "… verifies" $GATE --verify briefs
wait $load
check "the next, with nothing going on" $GATE --backup briefs
check "… is the bucket: keys, sizes, MD5" mirror_is_bucket
check_not "… of other prefixes nothing" test -e "$DISK/data/elsewhere"
check "… a key that looks like rclone's link is an object" test -f "$DISK/data/skills/a/link.rclonelink" -a ! -L "$DISK/data/skills/a/link"
check "… verifies" $GATE --verify briefs
check "… is listed, verified" grep -q '^[0-9-]*  .*  verified  disk  data$' <($GATE --list briefs)
check "… and --check is content" $GATE --check briefs --warn-drill 0
check "a drill" $GATE --drill briefs
fingerprint "$DISK/data" >"$ROOT/before"
check "again, with nothing to do" $GATE --backup briefs
fingerprint "$DISK/data" >"$ROOT/after"
check_same "… nothing is touched" "$ROOT/before" "$ROOT/after"

# The second night.
TODAY=$(date +%F)
cp "$DISK/data.manifest.json" "$ROOT/old.manifest"
check "a recovery plan looks ahead at the mirror" $GATE --recover-plan bucket --dry-run
echo changed | s3 rcat minio:kohakku/skills/a/7
head -c 14000000 /dev/urandom >"$OBJECTS/briefs/in parts.bin"; sleep 1.1   # of the same size, and its MD5 is told by nobody
s3 copyto --ignore-times "$OBJECTS/briefs/in parts.bin" "minio:kohakku/briefs/in parts.bin"
s3 deletefile minio:kohakku/skills/a/8
echo new | s3 rcat minio:kohakku/skills/new
check "a second night" $GATE --backup briefs
check "… is the bucket" mirror_is_bucket
check "… what was overwritten is kept" grep -qx 'skill 7' "$DISK/history/$TODAY/skills/a/7"
check "… and what was deleted" grep -qx 'skill 8' "$DISK/history/$TODAY/skills/a/8"
check "… verifies" $GATE --verify briefs
cp "$DISK/data.manifest.json" "$ROOT/new.manifest"; cp "$ROOT/old.manifest" "$DISK/data.manifest.json"
check_exit 65 "the plan says beforehand what the restore would refuse: an older mirror" $GATE --recover-plan bucket --dry-run
check_says "… of the step" "1. briefs                   CANNOT: the newest mirror on the remotes is older"
cp "$ROOT/new.manifest" "$DISK/data.manifest.json"

# Nothing else may be mounted beneath a remote's directory, where it would be neither read nor written.
mount -t tmpfs -o size=1m none "$DISK/data/briefs/2026"
check_exit 78 "something is mounted in the mirror" $GATE --backup briefs
check_says "… is named" "another disk is mounted at $DISK/data/briefs/2026, beneath its directory"
umount "$DISK/data/briefs/2026"
check "… gone, all is well" $GATE --backup briefs

# X5: a remote that holds more files than there are inodes to fetch them into.
mkdir -p $STATE/spool; mount -t tmpfs -o nr_inodes=4000,size=200m,mode=700 none $STATE/spool
mkdir "$DISK/data/flood"; (cd "$DISK/data/flood" && seq 3000 | xargs touch)
check_exit 65 "a mirror with thousands of files more than its manifest has" $GATE --restore briefs --mirror --yes
check_says "… is fetched no further than half of the inodes" "files that there are inodes for"
rm -r "$DISK/data/flood"
check "… without them" $GATE --restore briefs --mirror --to "$ROOT/few"
umount $STATE/spool

# What a day overwrites several times is replaced in the history, which is no deletion of data's.
echo one >"$ROOT/small/a"; echo one >"$ROOT/small/b"
check "a tree of two files: the first sync of the day" $GATE --sync small
for time in second third fourth; do
  echo "the $time" >"$ROOT/small/a"; echo "the $time" >"$ROOT/small/b"
  check "… the $time, with both files changed" $GATE --sync small
done
check "… is mirrored" diff -r "$ROOT/small" "$ROOT/disk/small/data"
check "… the one before is kept" grep -qx 'the third' "$ROOT/disk/small/history/$TODAY/a"
rm "$ROOT/small/a" "$ROOT/small/b"; echo c >"$ROOT/small/c"
check_exit 65 "… and deletions count as before" $GATE --sync small
check "… none was done" test -e "$ROOT/disk/small/data/a"

# D3.
fingerprint "$ROOT/disk" >"$ROOT/before"
untouched() { fingerprint "$ROOT/disk" >"$ROOT/after"; diff "$ROOT/before" "$ROOT/after"; }
s3 move minio:kohakku/skills/a minio:kohakku/aside/a
check_exit 65 "mass deletion" $GATE --backup briefs
check_says "… says the limit" "guard.max_delete_files"
check "… nothing was changed" untouched
s3 move minio:kohakku/aside/a minio:kohakku/skills/a
s3 move minio:kohakku/skills minio:kohakku/aside/skills
check_exit 65 "a prefix is gone" $GATE --backup briefs
check_says "… by its name" "minio:kohakku/skills is empty, or not there, so nothing was changed"
check "… nothing was changed" untouched
s3 move minio:kohakku/aside/skills minio:kohakku/skills
mv "$ROOT/s3/kohakku" "$ROOT/s3-kohakku"
check_exit 65 "the bucket is gone" $GATE --backup briefs
check_says "… is said" "is empty, or not there, so nothing was changed and the last mirror of briefs is as it was"
check_exit 65 "… of a service of all of it" $GATE --backup all
check_says "… too" "minio:kohakku is empty, or not there"
check "… nothing was changed" untouched
mv "$ROOT/s3-kohakku" "$ROOT/s3/kohakku"
end_pid "$ROOT/pids/s3"
check_exit 69 "the server is down" $GATE --backup briefs
check_says "… is said" "nobody answers at the remote's address"
start_s3
cp "$CONF" "$ROOT/conf"
sed -i 's/^access_key_id = .*/access_key_id = nobody/' "$CONF"
check_exit 69 "a wrong key" $GATE --backup briefs
check_says "… is said, of the right remote" "cannot list the remote minio: rclone the remote does not know the key"
cp "$ROOT/conf" "$CONF"; sed -i 's/^secret_access_key = .*/secret_access_key = wrong\nv2_auth = true/' "$CONF"   # of version 2 s3rver checks the signature
check_exit 69 "a wrong secret" $GATE --backup briefs
check_says "… is said" "does not accept the key: its secret is wrong"
cp "$ROOT/conf" "$CONF"
check "… nothing was changed" untouched
check "the server is there again" $GATE --backup briefs
check "… nothing was deleted" mirror_is_bucket

# X6: a byte, a file less, an older manifest.
flip "$DISK/data/skills/photo"
in_bucket briefs skills >"$ROOT/bucket"
check_exit 65 "a flipped byte, size and time as before: --verify" $GATE --verify briefs
check_says "… names it" "skills/photo"
check_exit 65 "… a restore refuses" $GATE --restore briefs --mirror --yes
check_exit 65 "… of another prefix as well" $GATE --restore briefs --mirror --only briefs --yes
check "… before anything was touched" bucket_untouched
check_not "… and nothing was kept, as nothing was to be overwritten" compgen -G "$DISK/history/*-before-restore"
check_exit 74 "… --to a directory leaves it out" $GATE --restore briefs --mirror --to "$ROOT/out"
check_not "…" test -e "$ROOT/out/data/skills/photo"
check "the next backup compares MD5, and mends it" $GATE --backup briefs
check "… is the bucket" mirror_is_bucket
check "… verifies" $GATE --verify briefs
check "… the false one is kept" test -e "$DISK/history/$TODAY/skills/photo"
rm "$DISK/data/skills/new"
check_exit 65 "a file less: --verify" $GATE --verify briefs
check "… mended" $GATE --backup briefs
sed -i '1s/"complete"/"Complete"/' "$DISK/data.manifest.json"
check_exit 65 "a manifest that was changed: --verify" $GATE --verify briefs
check_exit 65 "… a restore" $GATE --restore briefs --mirror --yes
check "… mended" $GATE --backup briefs
check "… is the bucket" mirror_is_bucket

# What no directory can hold is said.
echo a | s3 rcat minio:kohakku/odd/file; echo b | s3 rcat minio:kohakku/odd/both
mkdir -p "$ROOT/s3/kohakku/odd/both"
for ending in _object _object.md5 _metadata.json; do cp "$ROOT/s3/kohakku/odd/file._S3rver$ending" "$ROOT/s3/kohakku/odd/both/below._S3rver$ending"; done
check_exit 74 "a key that is the beginning of another" $GATE --backup odd
check_says "… is said" "or a key that is the beginning of another, so the copy is incomplete"
check_exit 65 "… and no manifest says that all is well" $GATE --verify odd
s3 deletefile minio:kohakku/odd/both; rm -f "$ROOT/disk/odd/data/odd/both"   # whichever of the two came first
check "… without it" $GATE --backup odd
mkdir -p "$ROOT/s3/kohakku/odd/dir"
for ending in _object _object.md5 _metadata.json; do cp "$ROOT/s3/kohakku/odd/file._S3rver$ending" "$ROOT/s3/kohakku/odd/dir/._S3rver$ending"; done
end_pid "$ROOT/pids/s3"; start_s3
check "a key that ends in a slash, and is not empty" $GATE --backup odd
check_says "… is named" "odd/dir/: Entry doesn't belong in directory"
check_says "… and said" "warning: 1 keys of the bucket can be no paths (named above)"
check_says "… and counted" "left-out 1"
check "… the manifest says so" grep -q '"status":"complete","left_out":1,' "$ROOT/disk/odd/data.manifest.json"
check "… it verifies" $GATE --verify odd
check_says "… and says so" "left-out 1"
s3 deletefile minio:kohakku/odd/file
check "… what is there is restored" $GATE --restore odd --mirror --yes
check_says "… and what is not is said" "1 keys of the bucket could be no paths when the mirror was made"
check "… is there" test "$(s3 cat minio:kohakku/odd/file)" = a
check "… a drill" $GATE --drill odd

check_not "the secret is nowhere in state or journal (X10)" grep -rqF "$S3_SECRET" "$STATE"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
