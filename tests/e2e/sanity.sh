#!/bin/bash
# Nights that go wrong in what is read, sent or shown by the clock. Each ends with its exit codes and its sentence, the service runs
# afterwards, no content is gone from the remote, and the next night is good (D1–D4, D8). Each night is a day later by libfaketime.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

FAKETIME_LIB=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')
[ -n "$FAKETIME_LIB" ] || { fail "libfaketime is installed"; e2e_end; }

e2e_install
{ vaultwarden_policy; cat <<EOF
[controller.plain]
kind = "command"
stop = ["/usr/bin/true"]
start = ["/usr/bin/true"]
[service.plain]
controller = "plain"
path = "$ROOT/plain"
remotes = ["disk"]
consistency = "cold"
EOF
} | write_policy -
start_webdav
# The disks: the service's own and an empty one, one that can be made to fail, and one that is a remote and runs full.
disk() { truncate -s "$2" "$ROOT/$1.img"; mkfs.ext4 -q -F "$ROOT/$1.img"; }
disk data 64M; disk empty 16M; disk dying 24M
mkdir -p "$DATA" "$ROOT/plain"
mount -o loop "$ROOT/data.img" "$DATA"
mount -o loop "$ROOT/dying.img" "$ROOT/plain"
mount -t tmpfs -o size=150m,mode=755 none "$ROOT/disk"
on_clean() { umount -l "$DATA" "$ROOT/plain" "$ROOT/disk" "$STATE" 2>/dev/null; }
make_data
head -c 3000000 /dev/urandom >"$DATA/large"
seq 1 30 | while read -r n; do echo "$n" >"$DATA/sends/$n"; done
echo plain >"$ROOT/plain/file"; head -c 2000000 /dev/urandom >"$ROOT/plain/scan"
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"

today=$(date -d '-60 days' +%F)
# on DATE CMD…: with a clock that shows it. From a file, since the gate clears its environment; what it starts has the true one.
on() {
  local date=$1; shift
  echo "@$date 02:00:00" >/etc/faketimerc
  env -i PATH=/usr/bin:/bin LD_PRELOAD="$FAKETIME_LIB" DONT_FAKE_MONOTONIC=1 "$@"
}
# night SERVICE [DATE]: its steps, on the next day unless a date is given; their exit codes in $codes, their words in $out.
night() {
  local verb
  [ $# -gt 1 ] || today=$(date -d "$today + 1 day" +%F)
  codes=''; : >"$out"
  for verb in stop sync archive start; do
    on "${2:-$today}" SSH_ORIGINAL_COMMAND="backupctl --$verb $1" $GATE --ssh-gate >>"$out" 2>&1
    codes+=" $?"
  done
  codes=${codes# }
}
archives_of() { if [ "$1" = plain ]; then echo "$ROOT/disk/plain/archives"; else echo "$CLOUD/OdroidBackup/$1/archives"; fi; }
contents() { find "$CLOUD" "$ROOT/disk" -type f ! -name data.manifest.json -exec sha256sum {} + | cut -d' ' -f1 | sort -u; }
counts() { [ -e "$(archives_of "$1")/$1-$2.tar.gz.manifest.json" ]; }
# good_night SERVICE [TITLE]
good_night() {
  local title=${2:-… and the next night is good}
  night "$1"
  if [ "${codes//[0 ]/}" = '' ] && counts "$1" "$today"; then pass "$title"; else fail "$title" "ended $codes"; _indent "$out"; fi
}
# bad_night SERVICE TITLE CODES SENTENCE… [-- DATE]
bad_night() {
  local service=$1 title=$2 want=$3 sentence; shift 3
  contents >"$ROOT/before"
  if [ "${*: -2:1}" = -- ]; then night "$service" "${*: -1}"; set -- "${@:1:$#-2}"; else night "$service"; fi
  if [ "$codes" = "$want" ]; then pass "$title: $want"; else fail "$title: $want" "ended $codes"; _indent "$out"; fi
  cp "$out" "$ROOT/said"
  check "… one line for each" test "$(grep -c '^backupctl: ' "$ROOT/said")" = "$(tr ' ' '\n' <<<"$codes" | grep -vc '^0$')"
  cp "$ROOT/said" "$out"
  for sentence; do check_says "… says: $sentence" "$sentence"; done
  contents >"$ROOT/after"
  check "… no content is gone from the remote" test -z "$(comm -23 "$ROOT/before" "$ROOT/after")"
  [ "$service" = plain ] || check "… the service runs" is_running vaultwarden
  check "… the spool is clean" test -z "$(ls -A $STATE/spool)"
}
no_archive() { check_not "… no archive of that day counts" counts "$1" "${2:-$today}"; }

check "--check-policy" $GATE --check-policy
good_night vaultwarden "a good night"
good_night plain "a good night of the other service"

# The source (D3).
umount -l "$DATA"; mount -o loop "$ROOT/empty.img" "$DATA"
bad_night vaultwarden "an empty source" "0 65 65 0" "is empty, which looks like a disk that is not mounted"; no_archive vaultwarden
podman stop -t 2 vaultwarden >/dev/null; umount -l "$DATA"
bad_night vaultwarden "a vanished mount" "0 65 65 0" "is empty, which looks like a disk that is not mounted"; no_archive vaultwarden
check "… and the service has written into the bare mount point" wait_for 10 test -e "$DATA/heartbeat"
bad_night vaultwarden "… so that it is not empty any more" "0 65 65 0" "guard.max_delete_files" "suspicious"; no_archive vaultwarden
podman stop -t 2 vaultwarden >/dev/null; rm "$DATA/heartbeat"; mount -o loop "$ROOT/data.img" "$DATA"
good_night vaultwarden
mkdir "$ROOT/aside"; mv "$DATA"/{sends,attachments,large} "$ROOT/aside"
bad_night vaultwarden "a mass deletion" "0 65 65 0" "guard.max_delete_files" "suspicious"; no_archive vaultwarden
mv "$ROOT"/aside/* "$DATA"
good_night vaultwarden

# The archive (guard.max_shrink).
mv "$DATA/large" "$ROOT/aside"; echo small >"$DATA/large"
ARCHIVES=$(archives_of vaultwarden)
bad_night vaultwarden "a shrunken archive" "0 0 65 0" "suspicious: vaultwarden-$(date -d "$today + 1 day" +%F).tar.gz.suspicious is kept apart"; no_archive vaultwarden
check "… it is kept apart" test -e "$ARCHIVES/vaultwarden-$today.tar.gz.suspicious.manifest.json"
on "$today" $GATE --stop vaultwarden >/dev/null 2>&1
check "the operator who looked at it has it made" on "$today" $GATE --archive vaultwarden --replace
check "… it counts" counts vaultwarden "$today"
check "… and the suspicious one goes" test ! -e "$ARCHIVES/vaultwarden-$today.tar.gz.suspicious"
on "$today" $GATE --start vaultwarden >/dev/null 2>&1
mv "$ROOT/aside/large" "$DATA/large"
good_night vaultwarden

# Full disks (D8): under the spool, and under the remote.
head -c 25000000 /dev/urandom >"$DATA/more"
cp -a $STATE/. "$ROOT/state.copy"
mount -t tmpfs -o size=16m,mode="$(stat -c %a $STATE)" none $STATE; cp -a "$ROOT/state.copy/." $STATE/
used=$(du -sk $STATE | cut -f1)
bad_night vaultwarden "a full spool" "0 0 74 0" "No space left on device"; no_archive vaultwarden
check "… no rubbish beside it" test "$(du -sk $STATE | cut -f1)" -lt $((used + 512))
cp -a $STATE/. "$ROOT/state.copy"; umount -l $STATE; cp -a "$ROOT/state.copy/." $STATE/
rm "$DATA/more"
good_night vaultwarden
head -c 1000000 /dev/urandom >"$ROOT/plain/scan"; echo changed >"$ROOT/plain/file"; head -c 6000000 /dev/urandom >"$ROOT/plain/new"
head -c 200000000 /dev/zero >"$ROOT/disk/filler" 2>/dev/null; truncate -s -2M "$ROOT/disk/filler"
bad_night plain "a remote that is full" "0 74 74 0" "the disk is full"; no_archive plain
rm "$ROOT/disk/filler"
good_night plain

# What is read (D2): a file that grows, and one that the disk cannot give back.
head -c 15000000 /dev/urandom >"$ROOT/plain/scan"
(while :; do echo more >>"$ROOT/plain/scan"; sleep 0.001; done) & writer=$!
bad_night plain "a file that grows while it is read" "0 74 74 0" "a file that changes while it is read, so the mirror is incomplete" "is not counted as a backup"; no_archive plain
kill $writer; wait $writer 2>/dev/null
check "… what could be read is kept under another name" test -e "$(archives_of plain)/plain-$today.tar.gz.incomplete.manifest.json"
check "--list" on "$today" $GATE --list plain
check_not "… does not call it verified" grep -q "^$today  .* verified " "$out"
good_night plain
# The image that the disk lies in is cut off: reading what lay behind fails, as on a disk that dies.
cat /dev/urandom >"$ROOT/plain/scan" 2>/dev/null
umount "$ROOT/plain"; cp "$ROOT/dying.img" "$ROOT/dying.copy"; mount -o loop,ro,noload "$ROOT/dying.img" "$ROOT/plain"
truncate -s 16M "$ROOT/dying.img"
check_not "control: it cannot be read" cat "$ROOT/plain/scan"
bad_night plain "an unreadable file" "0 74 74 0" "Input/output error: scan" "is not counted as a backup"; no_archive plain
umount "$ROOT/plain"; mv "$ROOT/dying.copy" "$ROOT/dying.img"; mount -o loop "$ROOT/dying.img" "$ROOT/plain"
good_night plain

# The clock (D3, D4). The history of the nights above is what it could purge.
good_night vaultwarden "one more good night"
bad_night vaultwarden "a clock set back to 1970" "0 78 78 0" "the clock shows 1970-01-01, a day before this program was written" -- 1970-01-01; no_archive vaultwarden 1970-01-01
check_exit 78 "… an extra target as well" on 1970-01-01 $GATE --sync-extra www
on "$today" $GATE --stop vaultwarden >/dev/null 2>&1
check_exit 78 "… and a clock that is a month behind" on "$(date -d "$today - 30 days" +%F)" $GATE --archive vaultwarden
check_says "… is told from the newest archive" "a day before $today, the date of the newest archive"
on "$today" $GATE --start vaultwarden >/dev/null 2>&1
bad_night vaultwarden "a clock that shows 2099" "0 78 78 0" "more than a year after $today" -- 2099-01-01; no_archive vaultwarden 2099-01-01
good_night vaultwarden
contents >"$ROOT/before"; echo ahead >"$DATA/db.sqlite3"
ahead=$(date -d "$today + 300 days" +%F)
on "$today" $GATE --stop vaultwarden >/dev/null 2>&1
check "a clock that is ahead by less cannot be told from a host that was off" on "$ahead" $GATE --sync vaultwarden
check "… it makes its history under that day" test -d "$CLOUD/OdroidBackup/vaultwarden/history/$ahead"
contents >"$ROOT/after"
check "… and takes none (D3)" test -z "$(comm -23 "$ROOT/before" "$ROOT/after")"
on "$today" $GATE --start vaultwarden >/dev/null 2>&1
good_night vaultwarden

check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
