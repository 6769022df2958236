# A bucket of a real S3 server, and what bucket.sh and bucket_restore.sh ask about it; sourced after e2e_begin.
export LC_ALL=C.UTF-8
e2e_install
mkdir -p "$ROOT/small"
start_webdav
start_s3
write_policy - <<TOML
[remote.minio]
root = "kohakku"
[service.briefs]
bucket = { remote = "minio", prefixes = ["briefs", "skills"] }
remotes = ["disk"]
[service.all]
bucket = { remote = "minio" }
remotes = ["onedrive"]
[service.many]
bucket = { remote = "minio", prefixes = ["many"] }
remotes = ["disk"]
[service.odd]
bucket = { remote = "minio", prefixes = ["odd"] }
remotes = ["disk"]
[service.small]
path = "$ROOT/small"
remotes = ["disk", "onedrive"]
[recovery.bucket]
steps = ["briefs"]
TOML
DISK=$ROOT/disk/briefs OBJECTS=$ROOT/objects
# Keys with their MD5, as downloaded, and with their sizes.
in_bucket() { (for prefix in "$@"; do s3 md5sum --download "minio:kohakku/$prefix" | sed "s,^,$prefix ,"; s3 lsf -R --files-only --format ps "minio:kohakku/$prefix" | sed "s,^,$prefix ,"; done) | sort; }
in_mirror() { # DIR PREFIX…
  local dir=$1 prefix; shift
  (for prefix in "$@"; do s3 md5sum "$dir/$prefix" | sed "s,^,$prefix ,"; s3 lsf -R --files-only --format ps "$dir/$prefix" | sed "s,^,$prefix ,"; done) | sort
}
mirror_is_bucket() { in_bucket briefs skills >"$ROOT/a"; in_mirror "$DISK/data" briefs skills >"$ROOT/b"; [ -s "$ROOT/a" ] && diff "$ROOT/a" "$ROOT/b"; }

# Names of any bytes that S3 allows, an empty object, one in parts; what looks like rclone's own names for links.
mkdir -p "$OBJECTS"/{briefs/2026/11/deep,skills/a}
head -c 14000000 /dev/urandom >"$OBJECTS/briefs/in parts.bin"
head -c 300000 /dev/urandom >"$OBJECTS/skills/photo"
: >"$OBJECTS/briefs/empty"
for name in ' space ' 'ümlaut' $'new\nline' $'tab\t' 'quote"' "'" '*?[x]{y}' 'back\slash' '␊' '.hidden' '-dash' '100%' '+' 'a~' '☃😀' "$(printf 'n%.0s' {1..225})"; do
  printf '%s' "$name" >"$OBJECTS/briefs/2026/11/deep/$name"
done
printf /etc/passwd >"$OBJECTS/skills/a/link.rclonelink"
for i in {1..200}; do echo "skill $i" >"$OBJECTS/skills/a/$i"; done
s3 mkdir minio:kohakku && s3 copy "$OBJECTS" minio:kohakku || fail "the bucket was filled"
echo elsewhere | s3 rcat minio:kohakku/elsewhere/file
check "(the server says of an object in parts no MD5 as its ETag)" grep -q -- '-3' "$ROOT/s3/kohakku/briefs/in parts.bin._S3rver_object.md5"
flip() { touch -r "$1" "$ROOT/time"; python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(9); b = f.read(1); f.seek(9); f.write(bytes([b[0] ^ 1]))' "$1"; touch -r "$ROOT/time" "$1"; }
bucket_untouched() { in_bucket briefs skills >"$ROOT/now"; diff "$ROOT/bucket" "$ROOT/now"; }
