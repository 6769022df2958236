#!/bin/bash
# --check: what a monitoring system is told, in the Monitoring Plugins' form, from what this host remembers and without a remote.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

e2e_install
write_policy - <<EOF
$(vaultwarden_policy)
[service.plain]
path = "$ROOT/plain"
remotes = ["onedrive"]
EOF
make_data
mkdir -p "$ROOT/plain"; head -c 300000 /dev/urandom >"$ROOT/plain/file"
start_webdav
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"
today=$(date +%F)
MEMORY=$STATE/history/plain.runs
# Ages that a test can have: everything but what it looks at is as it should be.
look() { $GATE --check plain --warn-drill 0 "$@"; }
ago() { echo $(($(date +%s) - $1)); }
# aged VERB SECONDS: as if its last good run lay so far back.
aged() {
  sed -i "s/^good $1 .*/good $1 $(ago "$2")/; s/^run $1 .*/run $1 $(ago "$2") 0/" "$MEMORY"
  [ "$1" != archive ] || sed -i "s/^archive \([^ ]*\) [0-9]* /archive \1 $(ago "$2") /" "$MEMORY"
}

check_exit 2 "a host that never backed anything up: CRITICAL" $GATE --check
check_says "… says so" "plain: no archive was committed as far back as this host remembers"
check_exit 2 "the extra target as well" $GATE --check www
check "an archive" gate 'backupctl --archive plain'
check "a mirror" gate 'backupctl --sync plain'
check "a mirror of the target" gate 'backupctl --sync-extra www'
check_exit 1 "no drill yet: WARNING" $GATE --check plain
check_says "… says what to do" "run backupctl --drill plain"
check "all is well: OK" look
check "… the line has the guidelines' form" grep -qE "^BACKUPCTL OK - [^|]*\|'plain_age'=[0-9]+s;691200;1296000;0 'plain_size'=[0-9]+B;;;0$" <(look)
check "the target: OK" $GATE --check www
check "it needs no remote, and no slot" env -i $GATE --check www plain --warn-drill 0
fingerprint "$STATE" >"$ROOT/before"; look >/dev/null; fingerprint "$STATE" >"$ROOT/after"
check_same "looking leaves no trace" "$ROOT/before" "$ROOT/after"
as_json() { look --json | python3 -c 'import json, sys; answer = json.load(sys.stdin); assert answer["state"] == "OK" and answer["exit"] == 0 and answer["problems"] == []'; }
check "as JSON" as_json

cp "$MEMORY" "$ROOT/memory"
aged archive $((9 * 86400))
check_exit 1 "an archive of nine days: WARNING" look
check_says "… says how old" "WARNING: plain: no archive was committed for 9 d"
check "… unless that is meant" look --warn-age 10d
check_exit 2 "… or worse than meant" look --warn-age 1d --crit-age 2d
aged archive $((16 * 86400))
check_exit 2 "of sixteen: CRITICAL" look
cp "$ROOT/memory" "$MEMORY"; aged sync $((3 * 86400))
check_exit 1 "a mirror of three days: WARNING" look
check_says "… says so" "it was not mirrored for 3 d"
cp "$ROOT/memory" "$MEMORY"
mv "$ROOT/plain/file" "$ROOT/aside"; echo small >"$ROOT/plain/file"
sed -i "s/^archive $today/archive 2026-01-01/" "$MEMORY"
check "a much smaller archive (asked for by the operator)" $GATE --archive plain --replace
check_exit 1 "… WARNING" look
check_says "… says so" "the archive of $today has"
check "… unless that is meant" look --warn-drop 0
mv "$ROOT/aside" "$ROOT/plain/file"; check "as it was" $GATE --archive plain --replace
check "… OK again" look

stop_webdav
check_exit 69 "a mirror that fails" gate 'backupctl --sync plain'
check_exit 1 "… WARNING" look
check_says "… says which" "the last --sync ended 69"
start_webdav
check "a mirror that succeeds" gate 'backupctl --sync plain'
check "… OK" look
printf X | dd of="$CLOUD/OdroidBackup/plain/archives/plain-$today.tar.gz" bs=1 seek=1000 conv=notrunc status=none
check_exit 65 "a verification that fails" gate 'backupctl --verify plain'
check_exit 2 "… CRITICAL" look
check_says "… says what it means" "what lies on a remote may not be restorable"

# A host from before there was a memory.
rm "$MEMORY"
check "a host that knows the date alone: OK" look
sed -i "s/^[^ ]*/2026-01-01/" $STATE/history/plain
check_exit 2 "… and its age counts" look

# A host whose state was lost does not know of the archive that it left, and is told to make one, which is there.
check "an archive that is good again" $GATE --archive plain --replace
mv $STATE/history "$ROOT/history"; mkdir -m 700 $STATE/history
check_exit 2 "what was remembered is lost: CRITICAL" look
check_says "… says what to do" "backupctl --backup plain makes one"
check "that finds it there" $GATE --backup plain
check_says "… and says so" "skipped: plain-$today.tar.gz is there already"
check "… and remembers it" look
check "… with its size and remote" diff <(grep ^archive "$ROOT/history/plain.runs" | tail -n 1 | cut -d' ' -f1,2,4-) <(grep ^archive "$MEMORY" | cut -d' ' -f1,2,4-)
check "… and the date that retention needs" grep -q "^$today " $STATE/history/plain

# What a restore in place has left to decide (D6).
check "a restore in place" $GATE --restore plain --yes
ageless() { "$@" $GATE --check plain --warn-drill 0 --warn-age 0 --crit-age 0 --warn-mirror 0 --crit-mirror 0; }
check "its old files are no problem today" ageless env
echo "@$(date -d '+8 days' '+%F %T')" >/etc/faketimerc
check_exit 1 "eight days later they are: WARNING" ageless env LD_PRELOAD="$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')" DONT_FAKE_MONOTONIC=1
rm /etc/faketimerc
check_says "… says what to do" "decide: --restore-commit plain or --restore-rollback plain"
cp $STATE/restores/plain "$ROOT/record"; sed -i 's/^./x/' $STATE/restores/plain
check_exit 2 "a damaged record of it: CRITICAL" ageless env
cp "$ROOT/record" $STATE/restores/plain
python3 - $STATE/restores/plain <<'PY'
import hashlib, sys
text = open(sys.argv[1], 'rb').read()[64:].replace(b'\0kept\0', b'\0unproven\0', 1)
open(sys.argv[1], 'wb').write(hashlib.sha256(text).hexdigest().encode() + text)
PY
check_exit 1 "one that was never seen to run: WARNING" ageless env
check_says "… says what to do" "run the same --restore again, or --restore-rollback plain"
check "the old files are given up" $GATE --restore-commit plain

# Where there was no tree nothing is kept, and the way back takes away.
mv "$ROOT/plain" "$ROOT/aside"
check_exit 64 "without --yes and a terminal nothing is restored" $GATE --restore plain
check_says "… of a tree that is gone nothing would be replaced" "$ROOT/plain, where nothing is now, would come from"
check "a restore of a tree that is gone" $GATE --restore plain --yes
check_says "… keeps nothing, and says so" "nothing was there before: --restore-commit plain makes it final, --restore-rollback plain takes away"
check "… it is there" cmp "$ROOT/aside/file" "$ROOT/plain/file"
check "… --status" $GATE --status plain
check_says "… says so as well" "nothing was there before: --restore-commit"
check_exit 69 "… a second one" $GATE --restore plain --yes
check_says "… is told so" "before which nothing was there, is not decided yet"
check "… the way back" $GATE --restore-rollback plain
check_says "… says what it did" "nothing was there before, so what was restored is taken away again; what had been restored is in"
check_not "… the tree is gone again" test -e "$ROOT/plain"
check "a restore once more" $GATE --restore plain --yes
check "… is made final" $GATE --restore-commit plain
check_says "… and nothing deleted" "nothing was there before it, so nothing had been put aside"
check "… it is there" cmp "$ROOT/aside/file" "$ROOT/plain/file"
rm -rf "$ROOT/plain"; mv "$ROOT/aside" "$ROOT/plain"
# What exclude leaves out is said where the policy has any: the staging directory's own does not count.
check "a restore without exclude" $GATE --restore plain --yes
cp "$out" "$ROOT/said"
check_not "… says nothing of one" grep -q "policy's exclude" "$ROOT/said"
$GATE --restore-commit plain >/dev/null 2>&1
sed -i '/^\[service.plain\]/a exclude = ["*.tmp"]' "$POLICY"
check "a restore with one" $GATE --restore plain --yes
check_says "… says what it means" "what the policy's exclude leaves out is in no backup"
$GATE --restore-commit plain >/dev/null 2>&1
sed -i '/^exclude = /d' "$POLICY"
check "… OK" ageless env

# Leases (S1).
leases() { $GATE --check vaultwarden --warn-drill 0 --crit-age 0 --warn-age 0; }
check "stop a service" gate 'backupctl --stop vaultwarden'
check "a service stopped for its backup is no problem" leases
cp $STATE/leases/vaultwarden "$ROOT/lease"
pkill_guardian() { for process in /proc/[0-9]*; do [ "$process/exe" -ef $GATE ] && grep -qza -e --guardian "$process/cmdline" && kill -9 "${process#/proc/}"; done; true; }
pkill_guardian
python3 - $STATE/leases/vaultwarden <<'PY'
import hashlib, re, sys
text = open(sys.argv[1]).read()
body = re.sub(r'(?m)^boot.*$', lambda line: line.group().split()[0] + ' 00000000-0000-0000-0000-000000000000', text[:text.rindex('sha256')])
open(sys.argv[1], 'w').write(body + 'sha256 ' + hashlib.sha256(body.encode()).hexdigest() + '\n')
PY
check_exit 2 "a lease whose time is over: CRITICAL" leases
check_says "… says what to do" "run backupctl --start vaultwarden"
echo rubbish >$STATE/leases/vaultwarden
check_exit 2 "a damaged lease: CRITICAL" leases
cp "$ROOT/lease" $STATE/leases/vaultwarden
check "start it" gate 'backupctl --start vaultwarden'
check "… OK" leases

# What is said of a disk that is not mounted, and of a secret that others can read.
cp "$POLICY" "$ROOT/policy"
printf '[remote.usb]\ndirectory = "%s/usb"\nroot = "/"\n[service.stick]\npath = "%s/stick"\nremotes = ["usb"]\n' "$ROOT" "$ROOT" >>"$POLICY"; mkdir "$ROOT/stick"; echo x >"$ROOT/stick/file"
check_exit 78 "a directory remote that is not there" $GATE --archive stick
check_says "… by its name, and why that may be" "the remote usb: $ROOT/usb is not there; is the disk mounted?"
mkdir "$ROOT/usb"; cp /etc/fstab "$ROOT/fstab"; echo "UUID=0 $ROOT/usb ext4 noauto 0 0" >>/etc/fstab
check_exit 69 "one whose disk is not mounted" $GATE --archive stick
check_says "… by its mount point" "the remote usb: $ROOT/usb is in /etc/fstab, and nothing is mounted there"
check "… with nothing written there" test -z "$(ls -A "$ROOT/usb")"
mount -t tmpfs -o mode=755 none "$ROOT/usb"
check "… mounted" $GATE --archive stick
umount "$ROOT/usb"; cp "$ROOT/fstab" /etc/fstab
mkdir "$ROOT/usb/disk"; mount -t tmpfs -o mode=755 none "$ROOT/usb/disk"; sed -i "s,^root = \"/\"$,root = \"/disk/backups\"," "$POLICY"
check_exit 78 "another disk beneath the directory, on the way to the root" $GATE --archive stick
check_says "… by its name" "another disk is mounted at $ROOT/usb/disk"
umount "$ROOT/usb/disk"; check "… with nothing beneath it" test -z "$(ls -A "$ROOT/usb/disk")"
cp "$ROOT/policy" "$POLICY"
chmod 644 $CONF
check "a secret that others can read" $GATE --check-policy
check_says "… says what to do" "rclone.conf is readable by others than root (chmod 600)"
chmod 600 $CONF

# What is no answer.
unprivileged() { setpriv --reuid=backup_ops --regid=backup_ops --clear-groups $GATE --check; }
check_exit 3 "not root: UNKNOWN" unprivileged
check_says "… in the form of a plugin" "BACKUPCTL UNKNOWN - --check must be run as root"
check_exit 3 "a name that does not exist: UNKNOWN" $GATE --check nothing
check_exit 3 "an age that is none: UNKNOWN" $GATE --check --warn-age soon
echo 'schema = 9' >"$POLICY"
check_exit 2 "a policy that is not valid: CRITICAL, no backup runs" $GATE --check
check_exit 77 "over the gate it is refused" bash -c "SSH_ORIGINAL_COMMAND='backupctl --check' $GATE --ssh-gate"
e2e_end
