#!/bin/bash
# --verify: what lies on the remotes is what was signed, or one sentence says what is wrong (X6). Everything is tampered with for real.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
write_policy - <<EOF
$(vaultwarden_policy)
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"]
[service.both]
path = "$ROOT/both"
remotes = ["onedrive", "disk"]
[service.never]
path = "$ROOT/never"
remotes = ["disk"]
EOF
make_data
mkdir -p "$ROOT"/{plain,both,never}
head -c 300000 /dev/urandom | tee "$ROOT/plain/file" >"$ROOT/both/file"; echo x >"$ROOT/never/file"
start_webdav
today=$(date +%F)
PLAIN=$CLOUD/OdroidBackup/plain/archives
archive=$PLAIN/plain-$today.tar.gz
VERIFY='backupctl --verify plain'
check "an archive on one remote" gate 'backupctl --archive plain'
check "an archive on two remotes" gate 'backupctl --archive both'
cp -a "$PLAIN" "$ROOT/good"
# again TITLE: everything as it was made.
again() { rm -rf "$PLAIN"; cp -a "$ROOT/good" "$PLAIN"; }
flip() { python3 - "$1" "$2" <<'PY'
import sys
with open(sys.argv[1], 'r+b') as file:
    file.seek(int(sys.argv[2])); byte = file.read(1)[0]
    file.seek(int(sys.argv[2])); file.write(bytes([byte ^ 1]))
PY
}

fingerprint "$CLOUD" "$ROOT/disk" >"$ROOT/before"
check "a good archive verifies, over the gate" gate "$VERIFY"
check_says "… the result names it" "archive plain-$today.tar.gz"
check_says "… and the remote" "remotes onedrive"
check "… and as JSON" gate "$VERIFY --json"
check_says "… " "\"archive\":\"plain-$today.tar.gz\""
check "two remotes: both" $GATE --verify both
check_says "… are named" "remotes onedrive,disk"
check "one of them alone" gate 'backupctl --verify both --remote onedrive:/OdroidBackup'
check_says "… alone is named" "remotes onedrive, duration"
fingerprint "$CLOUD" "$ROOT/disk" >"$ROOT/after"
check_same "nothing was changed by looking" "$ROOT/before" "$ROOT/after"
check_exit 65 "no archive at all: 65" gate 'backupctl --verify never'
check_says "… says so" "there is no archive of never with a manifest on disk"
check_exit 77 "--snapshot-id is not built for a tree" gate "$VERIFY --snapshot-id 20260101-000000"
check_exit 77 "--remote is an assertion" gate "$VERIFY --remote onedrive:/Other"

flip "$archive" 150000
check_exit 65 "one bit of the archive flipped: 65" gate "$VERIFY"
check_says "… its content" "plain-$today.tar.gz on onedrive does not verify: its content is not what its signed manifest says"
again; truncate -s -1 "$archive"
check_exit 65 "one byte cut off: 65" gate "$VERIFY"
check_says "… its size" "does not verify: it has"
again; flip "$archive.manifest.json" 40
check_exit 65 "one bit of the manifest flipped: 65" gate "$VERIFY"
check_says "… its signature" "its signature is wrong, so it was changed"
again; cp "$archive" "$PLAIN/plain-2099-01-01.tar.gz"; cp "$archive.manifest.json" "$PLAIN/plain-2099-01-01.tar.gz.manifest.json"
check_exit 65 "an archive with the manifest of another date: 65" gate "$VERIFY"
check_says "… says whose it is" "it belongs to the archive plain-$today.tar.gz"
again; cp "$archive" "$PLAIN/plain-2099-01-01.tar.gz"
check "one without a manifest is no backup, and passed over" gate "$VERIFY"
check_says "… and told" "plain-2099-01-01.tar.gz on onedrive is passed over: it has no manifest"

again; mkdir "$ROOT/keys"; mv $STATE/host.{key,pub} "$ROOT/keys"
check_exit 65 "a manifest signed by another key: 65" gate "$VERIFY"
check_says "… which one" "which this host does not trust"
rm -f $STATE/host.{key,pub}; cp -p "$ROOT/keys"/* $STATE
check "with the key back it verifies" gate "$VERIFY"

# A remote that gives old backups back, correctly signed (X6).
sed -i "1s/^[^ ]*/2099-01-01/" $STATE/history/plain
check_exit 65 "a newer archive that this host committed is gone: 65" gate "$VERIFY"
check_says "… says so" "somebody removed or hid backups"
sed -i "1s/^[^ ]*/$today/" $STATE/history/plain

# Two remotes, of which one is down or spoilt: the other is checked all the same.
stop_webdav
check_exit 69 "a remote that is down: 69" gate 'backupctl --verify both'
check_says "… and the other was checked" "served were disk"
flip "$ROOT/disk/both/archives/both-$today.tar.gz" 1000
check_exit 65 "what does not verify weighs more than what is down" gate 'backupctl --verify both'
check_says "… on a remote that tells its hash" "both-$today.tar.gz on disk does not verify"
start_webdav
check "the good one alone" gate 'backupctl --verify both --remote onedrive:/OdroidBackup'

# Who only looks gives way to who makes a backup: a remote's credential is lent to one at a time.
head -c 40000000 /dev/urandom >"$ROOT/both/file"
check "a large archive" $GATE --archive both --replace
stop_webdav; start_webdav --bwlimit 1M
begin "$ROOT/verify.out" gate 'backupctl --verify both'; verify=$begun
wait_for 10 grep -q 'verifying both' "$ROOT/verify.out"
check "a mirror while a long verification reads" gate 'backupctl --sync plain'
wait $verify; ended=$?
check "… the verification was ended: 69" test $ended = 69
check "… and says what to do" grep -q 'verify again when no step runs' "$ROOT/verify.out"
# Verifications that queue one after the other do not keep the credential from a backup (X11).
touch "$ROOT/flood"
for _ in 1 2 3 4; do (while [ -e "$ROOT/flood" ]; do gate 'backupctl --verify both' >/dev/null 2>&1; done) & flood+=($!); done
sleep 3
began=$SECONDS
check "a mirror while verifications queue without end" gate 'backupctl --sync plain'
check "… gets its turn" test $((SECONDS - began)) -lt 20
rm "$ROOT/flood"; stop_webdav; wait "${flood[@]}"; start_webdav

check "the journal verifies (X9)" $GATE --verify-journal
check_not "no credential in state or journal (X10)" grep -rqF "$WEBDAV_SECRET" "$STATE"
e2e_end
