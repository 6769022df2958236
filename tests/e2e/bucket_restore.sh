#!/bin/bash
# A bucket that is lost and restored by the commands of backupctl-recovery(7), key by key; backups that are killed; a remote without
# hashes and times; ten thousand keys.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/bucket.inc.sh"
check "a backup" $GATE --backup briefs
check "… is the bucket" mirror_is_bucket

# All of it lost, and restored by the commands of the manual.
in_bucket briefs skills >"$ROOT/bucket"
s3 purge minio:kohakku; s3 mkdir minio:kohakku
echo later | s3 rcat minio:kohakku/briefs/written-since
mapfile -t walk < <(sed -n '/^\.Ss Loss of the object store/,/^\.S[sh] [^L]/s/^\.Dl backupctl //p' "$E2E_SOURCE/man/backupctl-recovery.7")
check "(the manual has the commands)" test ${#walk[@]} -ge 3
for words in "${walk[@]}"; do
  # shellcheck disable=SC2086  # words of a command
  check "recovery(7): backupctl $words" $GATE ${words//\/srv\//$ROOT/}
done
check "every key, size and MD5 is as it was" diff "$ROOT/bucket" <(in_bucket briefs skills | grep -v written-since)
check "… what was written since is left" test "$(s3 cat minio:kohakku/briefs/written-since)" = later
s3 deletefile minio:kohakku/briefs/written-since; check "… (a backup without it)" $GATE --backup briefs
s3 purge minio:kohakku
check "a bucket that is not there is made" $GATE --restore briefs --mirror --yes
check_says "… nothing was overwritten" "nothing was overwritten"
check "… and is as it was" bucket_untouched
check "a backup after it" $GATE --backup briefs
check "… and its mirror verifies" $GATE --verify briefs
check "to a directory" $GATE --restore briefs --mirror --to "$ROOT/out2"
check_same "… the same" <(in_mirror "$DISK/data" briefs skills) <(in_mirror "$ROOT/out2/data" briefs skills)

# One prefix, and the way back.
echo better | s3 rcat minio:kohakku/skills/a/9
echo lost | s3 rcat minio:kohakku/briefs/2026/11/deep/+
check_exit 64 "without --yes" $GATE --restore briefs --mirror
check_exit 64 "not from an archive" $GATE --restore briefs --yes
check_exit 65 "a prefix that the mirror has not" $GATE --restore briefs --mirror --only nothing --yes
check "one prefix alone" $GATE --restore briefs --mirror --only skills --yes
check "… is restored" test "$(s3 cat minio:kohakku/skills/a/9)" = 'skill 9'
check "… the other is not" test "$(s3 cat minio:kohakku/briefs/2026/11/deep/+)" = lost
KEPT=$(compgen -G "$DISK/history/*-before-restore" | sort | tail -n 1)
check "… what it overwrote is kept, and nothing else" test "$(cd "$KEPT" && find . -type f)" = ./skills/a/9
s3 copy "$KEPT" minio:kohakku
check "… and is put back with rclone copy" test "$(s3 cat minio:kohakku/skills/a/9)" = better
check "one object" $GATE --restore briefs --mirror --only briefs/2026/11/deep/+ --yes
check "… is restored" test "$(s3 cat minio:kohakku/briefs/2026/11/deep/+)" = +

# Killed at random.
for round in 1 2 3 4 5; do
  head -c $((3000000 + round)) /dev/urandom | s3 rcat "minio:kohakku/briefs/round"
  for i in {1..20}; do echo "$round" >"$OBJECTS/skills/a/$((i + round * 20))"; done; s3 copy --ignore-times "$OBJECTS/skills" minio:kohakku/skills
  setsid $GATE --backup briefs >"$ROOT/killed" 2>&1 & pid=$!
  sleep "$(awk -v n=$RANDOM 'BEGIN { print 0.3 + n / 32768 * 3 }')"
  kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
  $GATE --verify briefs >"$out" 2>&1; code=$?
  if [ $code = 0 ]; then
    pass "killed, round $round: the last mirror is whole"
  elif [ $code = 65 ] && grep -q 'not as it was: ' "$out" && grep -q 'make it anew' "$out"; then
    pass "killed, round $round: --verify names what differs, and says what to do"
  else
    fail "killed, round $round: ended $code"; _indent "$out"
  fi
done
check "the run repeated" $GATE --backup briefs
check "… is the bucket" mirror_is_bucket
check "… verifies" $GATE --verify briefs
check_not "… nothing is left in the spool" compgen -G "$STATE/spool/*"
check_not "… nor a credential" compgen -G "$STATE/vault/copies/*"

# A remote without hashes and times: what lies there is read back for its manifest.
s3 purge minio:kohakku/skills/a
check "all of a bucket to webdav" $GATE --backup all
check "… verifies" $GATE --verify all
echo abcd | s3 rcat minio:kohakku/briefs/same-size; check "…" $GATE --backup all
sleep 1.1; echo efgh | s3 rcat minio:kohakku/briefs/same-size
check "a change of the same size" $GATE --backup all
check "… is there" grep -qx efgh "$CLOUD/OdroidBackup/all/data/briefs/same-size"
flip "$CLOUD/OdroidBackup/all/data/skills/photo"
check_exit 65 "a flipped byte: --verify" $GATE --verify all
check_exit 65 "… a restore refuses" $GATE --restore all --mirror --yes
flip "$CLOUD/OdroidBackup/all/data/skills/photo"
s3 lsf -R minio:kohakku | sort >"$ROOT/keys"; s3 purge minio:kohakku
check "restored from webdav" $GATE --restore all --mirror --yes
check "… every key" diff "$ROOT/keys" <(s3 lsf -R minio:kohakku | sort)

# Ten thousand keys.
python3 - "$ROOT/s3/kohakku/many" <<'PY'
import hashlib, os, sys
for i in range(10000):
    dir = f"{sys.argv[1]}/{'flat' if i < 2500 else i % 75}"; os.makedirs(dir, exist_ok=True)
    content = b"%d\n" % i
    for ending, bytes in (("_object", content), ("_object.md5", hashlib.md5(content).hexdigest().encode()), ("_metadata.json", b"{}")):
        open(f"{dir}/{i}._S3rver{ending}", "wb").write(bytes)
PY
end_pid "$ROOT/pids/s3"; start_s3
check "10,000 keys" $GATE --backup many
check "… all there" test "$(find "$ROOT/disk/many/data" -type f | wc -l)" = 10000
check "… verify" $GATE --verify many
end_pid "$ROOT/pids/s3"; rm -rf "$ROOT"/s3/kohakku/many/{7,8}; start_s3     # s3rver takes minutes to delete them
check "… a hundred of them restored" $GATE --restore many --mirror --only many/7 --yes
check "… all there again, and no other" test "$(s3 lsf -R --files-only minio:kohakku/many | wc -l)" = 9900

check_not "the secret is nowhere in state or journal (X10)" grep -rqF "$S3_SECRET" "$STATE"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
