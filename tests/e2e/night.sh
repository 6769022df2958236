#!/bin/bash
# A night as an existing scheduler asks for it: the five request lines of the command language, byte for byte, through a real
# sshd, sudo and podman, against a webdav remote named `onedrive`.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"

LINES=(
  'backupctl --stop vaultwarden --timeout 120'
  'backupctl --sync vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --timeout 3600'
  'backupctl --archive vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --keep-weekly 3 --keep-monthly 12 --timeout 3600'
  'backupctl --start vaultwarden --timeout 300'
  'backupctl --sync-extra www --remote onedrive:/OdroidBackup --timeout 3600'
)

e2e_install
write_policy
make_data
start_webdav
start_ssh
run_container vaultwarden "$DATA"
wait_for 10 test -e "$DATA/heartbeat"
MIRROR=$CLOUD/OdroidBackup/vaultwarden/data
ARCHIVES=$CLOUD/OdroidBackup/vaultwarden/archives
today=$(date +%F)
archive=vaultwarden-$today.tar.gz

check "the policy passes --check-policy" $GATE --check-policy
check "the service runs before the night" is_running vaultwarden

# The four steps and the extra target.
check "line 1 stops the service" ssh_gate "${LINES[0]}"
check "… its container is stopped" is_stopped vaultwarden
cp -a "$DATA" "$ROOT/as-stopped"
check "line 2 mirrors the tree" ssh_gate "${LINES[1]}"
check "line 3 makes today's archive" ssh_gate "${LINES[2]}"
check "line 4 starts the service" ssh_gate "${LINES[3]}"
check "… its container runs" is_running vaultwarden
check "line 5 mirrors the extra target" ssh_gate "${LINES[4]}"
check_same "… to extra/www" "$ROOT/www/index.html" "$CLOUD/OdroidBackup/extra/www/index.html"

# The mirror: every regular file, links as rclone keeps them, empty directories.
(cd "$ROOT/as-stopped" && find . -type f -exec sha256sum {} + | sort) >"$ROOT/want"
(cd "$MIRROR" 2>/dev/null && find . -type f ! -name '*.rclonelink' -exec sha256sum {} + | sort) >"$ROOT/got"
check_same "the mirror holds every file" "$ROOT/want" "$ROOT/got"
check "… the symbolic link" grep -qx db.sqlite3 "$MIRROR/link.rclonelink"
check "… the empty directory" test -d "$MIRROR/attachments/empty"

# The archive (D1, D7): three names and no other, a checksum that any host can check, the tree as it was.
printf '%s\n' "$archive" "$archive.manifest.json" "$archive.sha256" >"$ROOT/want"
# shellcheck disable=SC2012  # names as ls shows them are the point
ls -A "$ARCHIVES" >"$ROOT/got" 2>&1
check_same "archive, checksum and manifest, and no temporary name (D1)" "$ROOT/want" "$ROOT/got"
in_archives() { (cd "$ARCHIVES" && "$@"); }
check "sha256sum -c accepts the archive" in_archives sha256sum -c "$archive.sha256"
check "gzip -t accepts the archive" gzip -t "$ARCHIVES/$archive"
check "the manifest is JSON that names the archive" grep -qF "$archive" <(python3 -m json.tool "$ARCHIVES/$archive.manifest.json")
mkdir "$ROOT/unpacked"
check "tar unpacks it" tar -C "$ROOT/unpacked" --xattrs --acls -xzpf "$ARCHIVES/$archive"
check "… members begin with data/" test -d "$ROOT/unpacked/data"
same_tree() { [ -z "$(rsync -aHAXn --checksum --delete --itemize-changes "$1/" "$2/" | tee /dev/stderr)" ]; }
check "… the tree as it was when the service stood still (D7)" same_tree "$ROOT/as-stopped" "$ROOT/unpacked/data"

# Once more on the same day: nothing is due, nothing is replaced.
fingerprint "$ARCHIVES" >"$ROOT/want"
check "stop once more" ssh_gate "${LINES[0]}"
check_exit 75 "a second archive on one day is skipped" ssh_gate "${LINES[2]}"
check "start once more" ssh_gate "${LINES[3]}"
fingerprint "$ARCHIVES" >"$ROOT/got"
check_same "… and the first one stays as it is (D4)" "$ROOT/want" "$ROOT/got"

# The client, with an existing installation's variables.
weekday() { LC_ALL=C date -d "$1" +%A | tr '[:upper:]' '[:lower:]'; }
settings=(ONEDRIVE_REMOTE=onedrive ONEDRIVE_FOLDER=/OdroidBackup BACKUP_DATA_ROOT=/media/ssd/podman KEEP_WEEKLY=3 KEEP_MONTHLY=12)
check "client --stop" client "${settings[@]}" --stop vaultwarden
check "client --sync" client "${settings[@]}" --sync vaultwarden
check_exit 75 "client --archive on the archive day: today's is there" client "${settings[@]}" ARCHIVE_WEEKDAY="$(weekday today)" --archive vaultwarden
check_exit 75 "client --archive on another day ends 75 without connecting" \
  client "${settings[@]}" ARCHIVE_WEEKDAY="$(weekday tomorrow)" BACKUP_HOST=backup_ops@127.0.0.1:1 --archive vaultwarden
check "client --start" client "${settings[@]}" --start vaultwarden
check "client --run ends 0 when the archive alone was skipped" client "${settings[@]}" ARCHIVE_WEEKDAY="$(weekday tomorrow)" --run vaultwarden
check "… and the service runs" is_running vaultwarden

# A remote that is down.
stop_webdav
check "with the remote down: stop" client "${settings[@]}" --stop vaultwarden
check_exit 69 "… the sync ends 69" client "${settings[@]}" --sync vaultwarden
check "… the start works" client "${settings[@]}" --start vaultwarden
check "… and the container runs" is_running vaultwarden
check_exit 69 "client --run with the remote down ends 69" client "${settings[@]}" --run vaultwarden
check "… and the container runs" is_running vaultwarden
start_webdav
check "with the remote up again, --run ends 0" client "${settings[@]}" ARCHIVE_WEEKDAY="$(weekday tomorrow)" --run vaultwarden

check "--status over ssh" ssh_gate 'backupctl --status'
check "--list over ssh" ssh_gate 'backupctl --list vaultwarden'
check_says "… names today's archive" "$today"

# What is wrong with an archive makes it unverified; what is wrong with the remote ends the step, and leads to no older archive.
touch "$ARCHIVES"/vaultwarden-2020-01-{05,12}.tar.gz
yes rubbish | head -c 8000000 >"$ARCHIVES/vaultwarden-2020-01-12.tar.gz.manifest.json"
check "--list goes on past an archive without a manifest and one with megabytes of rubbish" ssh_gate 'backupctl --list vaultwarden'
check "… both are unverified, today's is not" test "$(grep -c ' unverified ' "$out") $(grep -c ' verified ' "$out")" = "2 1"
stop_webdav
chmod 000 "$ARCHIVES/$archive.manifest.json"
rclone() { exec setpriv --reuid=scheduler --regid=scheduler --clear-groups rclone "$@"; }   # root could read it all the same
start_webdav
check_exit 69 "a remote that fails to give a manifest: --list ends 69" ssh_gate 'backupctl --list vaultwarden'
check_exit 69 "… and --restore of the latest ends 69" $GATE --restore vaultwarden --archive latest --to "$ROOT/restored"
check "… without passing over the newest archive (X6)" test "$(grep -c 'passed over' "$out")" = 0
chmod 644 "$ARCHIVES/$archive.manifest.json"
unset -f rclone

check "the journal verifies (X9)" $GATE --verify-journal
check_not "no credential in state or journal (X10)" grep -rqF "$WEBDAV_SECRET" "$STATE"
e2e_end
