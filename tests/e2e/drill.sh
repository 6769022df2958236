#!/bin/bash
# --drill: the newest backup is restored into a scratch directory and compared file by file; it leaves a signed record, and nothing else.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
write_policy - <<EOF
$(vaultwarden_policy)
[service.odd]
path = "/media/odd"
remotes = ["disk"]
exclude = ["names/b*"]
[service.zst]
path = "/media/odd2"
remotes = ["disk"]
format = "tar.zst"
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"]
EOF
make_data
"$E2E_SOURCE/tests/e2e/odd_tree.py" /media/odd
cp -a /media/odd /media/odd2
mkdir -p "$ROOT"/{plain,scratch}; head -c 300000 /dev/urandom >"$ROOT/plain/file"
mkdir "$ROOT/plain/sub"; for i in 1 2 3 4 5 6; do echo $i >"$ROOT/plain/sub/$i"; done
start_webdav
today=$(date +%F)
PLAIN=$CLOUD/OdroidBackup/plain/archives
DRILLS=$STATE/drills
newest() { ls -t $DRILLS/"$1"-*.json | head -n 1; }
count() { find $DRILLS -name "$1-*.json" | wc -l; }
by_hand() {
  sed -n '1{s/^{"signed"://;s/,$//;p;}' "$1" | tr -d '\n' >"$ROOT/signed"
  sed -n '2s/.*"value":"\([^"]*\)".*/\1/p' "$1" | base64 -d >"$ROOT/signature"
  openssl pkeyutl -verify -pubin -inkey $STATE/host.pub -rawin -in "$ROOT/signed" -sigfile "$ROOT/signature" && python3 -m json.tool "$1"
}
nothing_left() { [ -z "$(ls -A $STATE/spool "$ROOT/scratch" | grep -v : )" ] && ! compgen -G "$DRILLS/*.scratch" >/dev/null; }

check_exit 65 "a drill without any backup: 65" $GATE --drill plain
check_says "… says so" "there is no verified archive of plain"
check "… and is recorded as a failure" grep -q '"result":"failed"' "$(newest plain)"
for service in plain odd zst; do gate "backupctl --archive $service" >"$out" 2>&1 || { fail "archive $service"; _indent "$out"; }; done

fingerprint "$ROOT/plain" "$CLOUD" >"$ROOT/before"
check "a drill" $GATE --drill plain
cp "$out" "$ROOT/said"
check_says "… compared every file" "restorable, every file compared"
check_says "… and says the seconds" "extract "
fingerprint "$ROOT/plain" "$CLOUD" >"$ROOT/after"
check_same "… touched neither service nor remote" "$ROOT/before" "$ROOT/after"
check "… and left nothing" nothing_left
record=$(newest plain)
check "its record verifies with openssl" by_hand "$record"
check "… names the archive and its checksum" grep -q "\"archive\":\"plain-$today.tar.gz\".*\"sha256\":\"$(sha256sum "$PLAIN/plain-$today.tar.gz" | cut -c1-64)\"" "$record"
check "… how many files, compared, restorable" grep -q '"files":9,.*"compared":true,.*"result":"restorable"' "$record"
sed -i 's/"files":9/"files":8/' "$record"
check_not "… and a changed one does not verify" by_hand "$record"
check "--check knows of it" $GATE --check plain
check_exit 77 "over the gate it is refused" gate 'backupctl --drill plain'

# Trees with everything that a restore may lose (D7), and what others write into while it is read.
check "a tree with every kind of entry, some of it excluded" $GATE --drill odd
check "… as tar.zst" $GATE --drill zst --scratch "$ROOT/scratch"
check "… leaves nothing" nothing_left
( while :; do date +%N >"$ROOT/plain/live"; head -c "$((RANDOM * 30))" /dev/urandom >"$ROOT/plain/growing"; done ) & writer=$!
hot() { $GATE --archive plain --replace && $GATE --drill plain; }
for round in 1 2 3; do check "a tree that is written while it is read, round $round" hot; done
kill $writer; wait $writer 2>/dev/null; rm "$ROOT/plain/live" "$ROOT/plain/growing"
check "a quiet one again" $GATE --archive plain --replace

# What cannot be restored as it was.
cp -a "$PLAIN" "$ROOT/good"
again() { rm -rf "$PLAIN"; cp -a "$ROOT/good" "$PLAIN"; }
before=$(count plain)
printf X | dd of="$PLAIN/plain-$today.tar.gz" bs=1 seek=1000 conv=notrunc status=none
sleep 1; check_exit 65 "a spoilt archive: 65" $GATE --drill plain
check "… is recorded" test "$(count plain)" = $((before + 1))
check "… as a failure" grep -q '"compared":false.*"result":"failed"' "$(newest plain)"
check "… which is signed" by_hand "$(newest plain)"
check_exit 2 "… and --check is CRITICAL" $GATE --check plain
again
# The archive is what was signed, and its list of files, signed by the host's own key, says something else.
python3 - "$PLAIN/plain-$today.tar.gz.manifest.json" $STATE/host.key "$ROOT" <<'PY'
import base64, hashlib, json, subprocess, sys
path, key, root = sys.argv[1:]
lines = open(path).read().split('\n')
files = [line.rstrip(',') for line in lines[3:lines.index(']}')]]
files = [f.replace('"mode":"0644"', '"mode":"0600"') if '"sub/3"' in f else f for f in files if '"sub/5"' not in f]
value = json.loads(lines[0][len('{"signed":'):-1])
value['files_count'] = len(files)
value['files_sha256'] = hashlib.sha256(''.join(f + '\n' for f in files).encode()).hexdigest()
text = json.dumps(value, separators=(',', ':'))
open(root + '/to-sign', 'w').write(text)
subprocess.run(['openssl', 'pkeyutl', '-sign', '-rawin', '-inkey', key, '-in', root + '/to-sign', '-out', root + '/signature'], check=True)
old = json.loads('{' + lines[1].rstrip(',') + '}')['signature']
line = '"signature":{"algorithm":"ed25519","key":"%s","value":"%s"},' % (old['key'], base64.b64encode(open(root + '/signature', 'rb').read()).decode())
open(path, 'w').write('\n'.join(['{"signed":' + text + ',', line, lines[2], ',\n'.join(files), ']}', '']))
PY
check "a manifest whose list is another, signed: --verify cannot know" gate 'backupctl --verify plain'
sleep 1; check_exit 65 "… the drill does: 65" $GATE --drill plain
check_says "… and names the files" "2 of 8 files: sub/3 differs, sub/5 is not in the manifest"
again

# Where it restores, and what a crash leaves.
install -d -o backup_ops "$ROOT/theirs"
recorded() { ls -A "$DRILLS"; grep -h drill $STATE/history/*.runs; }
recorded >"$ROOT/before"
check_exit 78 "a scratch directory that others can write: 78" $GATE --drill plain --scratch "$ROOT/theirs"
check_exit 78 "one that is not there: 78" $GATE --drill --all --scratch "$ROOT/nope"
check_says "… says so, once" "cannot open $ROOT/nope: No such file or directory: --scratch wants a directory that is there"
check "… and only that" test "$(wc -l <"$out")" = 1
check_exit 78 "one that is a file: 78" $GATE --drill --all --scratch "$ROOT/plain/file"
recorded >"$ROOT/after"
check_same "… of none of which anything is recorded" "$ROOT/before" "$ROOT/after"
mkdir "$ROOT/small"; mount -t tmpfs -o size=100k,mode=755 none "$ROOT/small"
check_exit 74 "one without room: 74" $GATE --drill plain --scratch "$ROOT/small"
check_says "… says what to do" "name another directory with --scratch"
umount "$ROOT/small"
mkdir "$ROOT/scratch/backupctl-drill-plain"
check_exit 74 "one that somebody else made is left alone" $GATE --drill plain --scratch "$ROOT/scratch"
rmdir "$ROOT/scratch/backupctl-drill-plain"
head -c 300000000 /dev/zero >"$ROOT/plain/zeros"
check "a larger archive" $GATE --archive plain --replace
for where in "$ROOT/scratch" ""; do
  begin "$ROOT/drill.out" $GATE --drill plain ${where:+--scratch "$where"}; drilling=$begun
  wait_for 60 grep -q 'writing to' "$ROOT/drill.out"
  for ((tries = 0; tries < 500; tries++)); do nothing_left || break; sleep 0.01; done
  kill -9 $drilling; wait $drilling 2>/dev/null
  check_not "killed half way${where:+, in another directory}" nothing_left
  rm -f "$ROOT/plain/zeros"
  $GATE --archive plain --replace >/dev/null 2>&1
  check "… the next drill removes what it left" $GATE --drill plain
  check "… all of it" nothing_left
  [ -z "$where" ] || { head -c 300000000 /dev/zero >"$ROOT/plain/zeros"; $GATE --archive plain --replace >/dev/null 2>&1; }
done

# It gives way, goes on after a failure, and rehearses what was adopted as far as it can.
head -c 40000000 /dev/urandom >"$ROOT/plain/file"
check "a large archive" $GATE --archive plain --replace
stop_webdav; start_webdav --bwlimit 1M
begin "$ROOT/drill.out" $GATE --drill plain; drilling=$begun
wait_for 10 grep -q fetching "$ROOT/drill.out"
check "a mirror while a long drill fetches" gate 'backupctl --sync-extra www'
wait $drilling; ended=$?
check "… the drill was ended: 69" test $ended = 69
stop_webdav; start_webdav
check_exit 65 "--all: one service has no backup" $GATE --drill --all
check_says "… and the others are rehearsed" "plain-$today.tar.gz"
check_exit 64 "--all and a name" $GATE --drill plain --all
rm "$PLAIN"/*.{json,sha256}; mv "$PLAIN/plain-$today.tar.gz" "$PLAIN/plain-2026-01-04.tar.gz"   # from before this host made any
check "an adopted archive" $GATE --adopt plain
check "… is rehearsed" $GATE --drill plain
check_says "… without a list" "an adopted archive without a list of files to compare with"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
