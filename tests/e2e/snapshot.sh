#!/bin/bash
# consistency = "snapshot" and --backup: the service stands still only while its tree is copied beside it (S1, S3), on a file system
# that copies (ext4), one that shares blocks (XFS) and one that has snapshots (btrfs). What is shipped is the snapshot (D7).
. "$(dirname "$0")/lib.sh"
here=$E2E_SOURCE/tests/e2e
e2e_begin "$@"
e2e_install
start_webdav

# make_disk KIND SIZE: a file system of its own at /media/KIND, whose service's tree is /media/KIND/SERVICE/data.
make_disk() {
  truncate -s "$2" "$ROOT/$1.img"
  case $1 in
    ext4*) mkfs.ext4 -q "$ROOT/$1.img" ;;
    xfs) mkfs.xfs -q "$ROOT/xfs.img" ;;
    btrfs) mkfs.btrfs -q "$ROOT/btrfs.img" ;;
  esac
  mkdir -p "/media/$1"; mount -o loop "$ROOT/$1.img" "/media/$1" && mkdir "/media/$1/$1"
  if [ "$1" = btrfs ]; then btrfs -q subvolume create "/media/$1/$1/data"; else mkdir "/media/$1/$1/data"; fi
}
on_clean() { for name in ext4 ext4small xfs btrfs; do umount -l "/media/$name" 2>/dev/null; done; }
for disk in 'ext4 300M' 'ext4small 64M' 'xfs 320M' 'btrfs 256M'; do make_disk $disk || fail "mount ${disk% *}"; done

write_policy - <<EOF
$(for name in ext4 ext4small xfs btrfs; do cat <<SERVICE
[controller.$name]
kind = "podman"
containers = ["$name"]
grace = "5s"
[service.$name]
controller = "$name"
path = "/media/$name/$name/data"
remotes = ["onedrive"]
consistency = "snapshot"
SERVICE
done)
exclude = ["cache/**"]
EOF
check "the policy is valid" $GATE --check-policy
staging() { echo "/media/$1/$1/.backupctl-staging/$1/snapshot"; }
started() { podman inspect -f '{{.State.StartedAt}}' "$1"; }
beat() { wait_for 10 test -e "/media/$1/$1/data/heartbeat"; }
quiet_rsync() { rsync -aHAXn --itemize-changes --checksum --delete --exclude heartbeat "$@" 2>&1; }   # a test that all is equal prints nothing
same_tree() { [ -z "$(quiet_rsync "$1/" "$2/" | grep -vE ' \./$|special/(socket|null)$| special/$' | tee /dev/stderr)" ]; }

# Without a sparse file that no remote has room for, paths that rsync cannot follow, and owners outside of the mapping (fidelity.sh).
"$here/odd_tree.py" "$ROOT/odd"; rm -rf "$ROOT"/odd/{deep,sparse/huge}; chown 65533:65533 "$ROOT/odd/owners/4"; chmod 1777 "$ROOT/odd/owners/4"
for name in ext4 xfs btrfs; do
  data=/media/$name/$name/data
  cp -a "$ROOT/odd/." "$data/"
  mkdir "$data/work"; printf one >"$data/work/file"; printf 'gone\n' >"$data/work/goes"; mkdir "$data/work/dir"; touch "$data/work/dir/inner"
  seq 1 50000 >"$data/work/steady"; ln "$data/work/steady" "$data/work/steady2"; setfattr -n user.note -v old "$data/work/steady"
  sleep 2.1     # younger files are copied again whatever they look like
  run_container $name "$data"; beat $name
done
method() { case $1 in ext4) echo copy ;; xfs) echo 'shared blocks' ;; btrfs) echo btrfs ;; esac; }

for name in ext4 xfs btrfs; do
  data=/media/$name/$name/data tree=$(staging $name)/tree
  before=$(started $name)
  check "$name: --stop takes a snapshot" gate "backupctl --stop $name"
  check_says "$name: … of its kind" "took a snapshot ($(method $name))"
  check_says "$name: … tells the downtime" "downtime"
  check "$name: the service runs" is_running $name
  check "$name: … started again" test "$(started $name)" != "$before"
  check_not "$name: no lease is left" test -e $STATE/leases/$name
  check "$name: the snapshot is the tree" same_tree "$data" "$tree"
  check "$name: staging is root's alone" test "$(stat -c '%a %u' "/media/$name/$name/.backupctl-staging" "$(staging $name)" | sort -u)" = '700 0'
  # What the remote cannot name goes; so a second snapshot has something to remove.
  rm -rf "$data"/{names,links}
  check "$name: --snapshot" gate "backupctl --snapshot $name"
  check "$name: … is the tree without what went" same_tree "$data" "$tree"
  printf later >"$data/work/file"
  check "$name: --sync ships it" gate "backupctl --sync $name"
  check "$name: … as it was then" grep -qx one "$CLOUD/OdroidBackup/$name/data/work/file"
  check "$name: --archive as well" gate "backupctl --archive $name"
  check "$name: its manifest tells the downtime" grep -q '"consistency":"snapshot","downtime_seconds":[0-9]' \
    "$CLOUD/OdroidBackup/$name/archives/$name-$(date +%F).tar.gz.manifest.json"
  check "$name: --start finds it running" gate "backupctl --start $name"
  check_says "$name: … and says so" "runs already"
  check "$name: the archive comes back" $GATE --restore $name --archive latest --to "/media/$name/back"
  check "$name: … equal to the snapshot" same_tree "$tree" "/media/$name/back/data"
  rm -rf "/media/$name/back"
done

# What changed is copied, what did not stays, what went is removed; also where a name changed its kind.
for name in ext4 xfs; do
  data=/media/$name/$name/data tree=$(staging $name)/tree
  steady=$(stat -c %i "$tree/work/steady")
  printf two >"$data/work/file"; rm "$data/work/goes"; rm -r "$data/work/dir"; printf file >"$data/work/dir"
  mkdir "$data/work/new"; echo new >"$data/work/new/er"; ln -s new "$data/work/link"
  check "$name: the next snapshot" $GATE --snapshot $name
  check "$name: … is the tree again" same_tree "$data" "$tree"
  check "$name: … what did not change was not copied" test "$(stat -c %i "$tree/work/steady")" = "$steady"
  setfattr -x user.note "$data/work/steady"; setfattr -n user.dir -v 1 "$data/work/new"
  rm "$data/work/dir" "$data/work/link"; mkdir "$data/work/dir" "$data/work/link"; touch "$data/work/link/x"
  check "$name: once more" $GATE --snapshot $name
  check "$name: … attributes, too" same_tree "$data" "$tree"
  setfattr -x user.dir "$data/work/new"
done
data=/media/btrfs/btrfs/data
printf two >"$data/work/file"
check "btrfs: the next snapshot" $GATE --snapshot btrfs
check "btrfs: … is the tree again" same_tree "$data" "$(staging btrfs)/tree"
check_not "btrfs: … and read-only" touch "$(staging btrfs)/tree/new"
btrfs -q subvolume create "$data/inner"; touch "$data/inner/file"
check "btrfs: a subvolume inside" $GATE --snapshot btrfs
check_exit 74 "btrfs: … is told, since it is not in the archive" $GATE --archive btrfs --replace
check_says "btrfs: … by name" "inner"
btrfs -q subvolume delete "$data/inner"; rmdir "$data/inner" 2>/dev/null

# A service that writes through a mapping: no call tells of it, only the first write to a page after that was cleaned.
cat >/usr/local/bin/mapped-writer <<'PY'
#!/usr/bin/python3
import mmap, sys
with open("/media/ext4/mapped/data/file", "r+b") as f:
    m = mmap.mmap(f.fileno(), 8192)
    i = 0
    while True:
        i += 1
        m[100:116] = b"%016d" % i
PY
cat >/usr/local/bin/mapped-control <<EOF
#!/bin/sh
case \$1 in
  stop) kill -9 \$(cat $ROOT/pids/mapped); rm $ROOT/pids/mapped ;;
  start) [ -e $ROOT/pids/mapped ] || { setsid /usr/local/bin/mapped-writer </dev/null >/dev/null 2>&1 & echo \$! >$ROOT/pids/mapped; } ;;
  status) [ -e $ROOT/pids/mapped ] || exit 3 ;;
esac
EOF
chmod 755 /usr/local/bin/mapped-*
mkdir -p /media/ext4/mapped/data; head -c 8192 /dev/zero >/media/ext4/mapped/data/file; seq 1 100000 >/media/ext4/mapped/data/other
cat >>$POLICY <<EOF
[controller.mapped]
kind = "command"
stop = ["/usr/local/bin/mapped-control", "stop"]
start = ["/usr/local/bin/mapped-control", "start"]
status = ["/usr/local/bin/mapped-control", "status"]
[service.mapped]
controller = "mapped"
path = "/media/ext4/mapped/data"
remotes = ["onedrive"]
consistency = "snapshot"
EOF
/usr/local/bin/mapped-control start; sleep 4     # so that what it wrote first is not young any more
# What was there when it was stopped: nothing writes after that but the next start, which begins at 1.
cat >>/usr/local/bin/mapped-control <<EOF
[ \$1 != stop ] || cp /media/ext4/mapped/data/file $ROOT/stopped
EOF
check "a service that writes through memory" $GATE --snapshot mapped
check_same "… its snapshot is what was there when it was stopped" "$ROOT/stopped" "$(staging mapped | sed s,/media/mapped,/media/ext4,)/tree/file"
/usr/local/bin/mapped-control stop

# --backup: the whole night, at once.
rm -rf "$CLOUD/OdroidBackup"
printf three >/media/ext4/ext4/data/work/file
check "--backup of a service with snapshots" gate "backupctl --backup ext4"
check_says "… mirrors and archives" "mirrored, committed"
check_says "… tells the downtime" "downtime"
check "… mirrored what was there" grep -qx three "$CLOUD/OdroidBackup/ext4/data/work/file"
check "… runs" is_running ext4
check "again: the archive is there already" gate "backupctl --backup ext4"
check_says "… and says so" "there already"
stop_webdav
check_exit 69 "--backup with its remote down" gate "backupctl --backup ext4"
check "… runs" is_running ext4
check_not "… without a lease" test -e $STATE/leases/ext4
start_webdav
sed -i '/^\[service.xfs\]/,/^consistency/s/"snapshot"/"cold"/' $POLICY
check "--backup of a cold service" gate "backupctl --backup xfs"
check_says "… tells the downtime" "downtime"
check "… runs" is_running xfs
check_not "… without a lease" test -e $STATE/leases/xfs
stop_webdav
check_exit 69 "a cold --backup with its remote down" gate "backupctl --backup xfs"
check "… runs" is_running xfs
start_webdav
sed -i '/^\[service.xfs\]/,/^consistency/s/"cold"/"snapshot"/' $POLICY

# A restore in place makes the last snapshot one of another tree.
printf unwanted >/media/ext4/ext4/data/work/file
check "a snapshot" $GATE --snapshot ext4
check "a restore in place" $GATE --restore ext4 --archive latest --yes
check "… --sync takes a new one" $GATE --sync ext4
check_not "… and ships nothing of before" grep -qx unwanted "$CLOUD/OdroidBackup/ext4/data/work/file"
check "the restore is final" $GATE --restore-commit ext4

# An old snapshot is not shipped.
sed -i '/^\[service.ext4\]/a snapshot_max_age = "1s"' $POLICY
printf four >/media/ext4/ext4/data/work/file
sleep 2
before=$(started ext4)
check "--sync with an old snapshot takes one first" gate "backupctl --sync ext4"
check "… ships it" grep -qx four "$CLOUD/OdroidBackup/ext4/data/work/file"
check "… by stopping the service" test "$(started ext4)" != "$before"
# S6
sed -i 's/^min_up = .*/min_up = "10m"/' $POLICY
sleep 2     # older than snapshot_max_age
for request in --snapshot --backup --stop --sync; do
  check_exit 77 "$request of a service just started" gate "backupctl $request ext4"
  check_says "… refused" "refused [too-often]"
done
sed -i 's/^min_up = .*/min_up = "0s"/; /^snapshot_max_age/d' $POLICY

# Broken off while it copies: the service is up, and the next one is whole.
head -c 60000000 /dev/urandom >/media/ext4/ext4/data/work/large
for moment in 0.05 0.1 0.2 0.35; do
  $GATE --snapshot ext4 >/dev/null 2>&1 & victim=$!
  sleep $moment; kill -9 $victim; wait $victim 2>/dev/null
  wait_for 20 is_running ext4 || { sleep 1; $GATE --recover >/dev/null; }
  $GATE --start ext4 >/dev/null 2>&1
  touch "/media/ext4/ext4/data/work/after $moment"; rm -f /media/ext4/ext4/data/work/new/er
done
check "after four that were killed" is_running ext4
check "… a whole one" $GATE --snapshot ext4
check "… is the tree" same_tree /media/ext4/ext4/data "$(staging ext4)/tree"
# A service that does not run is not started (S2).
podman stop -t 0 ext4 >/dev/null
check "a snapshot of a service that does not run" $GATE --snapshot ext4
check "… leaves it so" is_stopped ext4
podman start ext4 >/dev/null

# The second copy does not fit: said before anything stops, and nothing is left (D8).
head -c 36000000 /dev/urandom >/media/ext4small/ext4small/data/large
run_container ext4small /media/ext4small/ext4small/data; beat ext4small
before=$(started ext4small)
check_exit 74 "no room for a copy: 74" gate "backupctl --stop ext4small"
check_says "… says what it means" "the service was not stopped"
check "… it was not" test "$(started ext4small)" = "$before"
rm /media/ext4small/ext4small/data/large; mkdir /media/ext4small/ext4small/data/small
(cd /media/ext4small/ext4small/data/small && seq 9000 | xargs -n 500 touch)
check_exit 74 "no inodes for a copy of 9,000 empty files: 74" gate "backupctl --stop ext4small"
check_says "… says what is left for the service" "a twentieth of the inodes left for the service itself"
check_not "… half of the copy does not stay" test -e "$(staging ext4small)/tree"
check "… the service was not stopped" test "$(started ext4small)" = "$before"
# A service that does not stop.
podman rm -f -t 0 ext4 >/dev/null; run_container ext4 /media/ext4/ext4/data stubborn
check_exit 69 "a service that does not stop: 69" gate "backupctl --backup ext4"
check "… runs" is_running ext4
check "the journal is whole" $GATE --verify-journal
e2e_end
