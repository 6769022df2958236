#!/bin/bash
# How long a service stands still for its backup, side by side in one run: cold (stop, sync, archive, start) with a remote behind
# 10 MB/s, and the snapshots of ext4 (copy in two passes), XFS (shared blocks) and btrfs. 20,000 files, of which 1 % changed since
# the night before. It prints; it never fails on a figure.
#   sudo ./tests/bench/downtime.sh [MEGABYTES, default 1000 10000] [BUILD in E2E_BUILD]
. "$(dirname "$0")/../e2e/lib.sh"
e2e_begin "$@"
sizes=("$@"); [ $# -gt 0 ] || sizes=(1000 10000)
files=20000 nights=3
e2e_install

# The remote: a namespace of its own behind a link that takes 10 MB/s from us.
unshare --net -- sleep infinity & net=$!
echo $net >"$ROOT/pids/net"; disown
sleep 0.3
ip link add bctl-bench type veth peer name eth0 netns $net && ip address add 10.231.77.1/30 dev bctl-bench && ip link set bctl-bench up
inside() { nsenter --target $net --net -- "$@"; }
inside ip address add 10.231.77.2/30 dev eth0; inside ip link set eth0 up; inside ip link set lo up
CLOUD=$ROOT/cloud; mkdir -p "$CLOUD"
# Started when the cloud is filled: without a cache it would read each directory anew for each name in it.
serve_cloud() {
  nsenter --target $net --net -- rclone serve webdav "$CLOUD" --config /dev/null --addr 10.231.77.2:8080 >"$ROOT/webdav.log" 2>&1 &
  echo $! >"$ROOT/pids/webdav"; disown
  wait_for 10 bash -c 'exec 3<>/dev/tcp/10.231.77.2/8080' 2>/dev/null
}
(umask 077; printf '[onedrive]\ntype = webdav\nurl = http://10.231.77.2:8080\nvendor = other\n' >/etc/backupctl/rclone.conf)
slow_link() { tc qdisc replace dev bctl-bench root tbf rate 80mbit burst 256kb latency 200ms; }
fast_link() { tc qdisc del dev bctl-bench root 2>/dev/null; }
on_clean() { umount -l /media/ext4 /media/xfs /media/btrfs 2>/dev/null; ip link del bctl-bench 2>/dev/null; }

make_disk() {   # KIND MEGABYTES
  truncate -s "$2M" "$ROOT/$1.img"
  mkfs."$1" -q "$ROOT/$1.img"; mkdir -p "/media/$1"; mount -o loop "$ROOT/$1.img" "/media/$1"
  mkdir "/media/$1/svc"
  if [ "$1" = btrfs ]; then btrfs -q subvolume create /media/btrfs/svc/data; else mkdir "/media/$1/svc/data"; fi
}
policy() {   # KIND CONSISTENCY
  write_policy - <<EOF
[controller.svc]
kind = "podman"
containers = ["svc"]
grace = "5s"
[service.svc]
controller = "svc"
path = "/media/$1/svc/data"
remotes = ["onedrive"]
consistency = "$2"
EOF
  sed -i '/^min_up/a max_shrink = "100%"\nmax_down = "12h"\nmax_down_per_day = "24h"\nidle_down = "10m"' $POLICY
}
tree() { python3 - "$@" <<'PY'
import os, sys
out, files, size, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) * 1000000, int(sys.argv[4])
for i in range(0, files, step):   # every step-th is written anew
    directory = f"{out}/{i // 200:03}"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{i:05}", "wb") as f: f.write(os.urandom(size // files))
PY
}
median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'; }
said_downtime() { sed -n 's/.*downtime \([0-9.]*\) s.*/\1/p;s/.*downtime \([0-9]*\) min \([0-9]*\) s.*/\1 \2/p' "$out" | tail -n 1 | awk '{ print NF == 2 ? $1 * 60 + $2 : $1 }'; }
now() { date +%s.%N; }
own() {   # the service's own stop and start, with the same controller's commands
  for _ in 1 2 3 4 5; do
    local began; began=$(now)
    podman stop -t 5 svc >/dev/null; podman start svc >/dev/null
    echo "$(now) $began" | awk '{ print $1 - $2 }'; sleep 1
  done | median
}
row() { printf '  %6s MB  %-24s %9s s  %9s s  %s\n' "$@"; }

echo "Machine: $(nproc) processors, $(uname -mr); $files files, 1 % changed, medians of $nights nights; service's own stop and start: medians of 5"
echo "    size     kind                      downtime   own stop+start"
for size in "${sizes[@]}"; do
  for kind in ext4 xfs btrfs; do
    make_disk $kind $((size * $([ $kind = ext4 ] && echo 24 || echo 14) / 10 + 1500))
    tree /media/$kind/svc/data $files "$size" 1
    run_container svc /media/$kind/svc/data
    sync -f /media/$kind; sleep 3
    base=$(own)
    if [ $kind = ext4 ]; then
      policy ext4 cold
      mkdir -p "$CLOUD/OdroidBackup/svc"; cp -a /media/ext4/svc/data "$CLOUD/OdroidBackup/svc/"    # the mirror of the night before
      tree /media/ext4/svc/data $files "$size" 100
      serve_cloud; slow_link
      began=$(now)
      for verb in stop sync archive start; do $GATE --$verb svc >"$out" 2>&1 || { echo "cold: --$verb failed"; cat "$out"; }; done
      cold=$(echo "$(now) $began" | awk '{ printf "%.2f", $1 - $2 }')
      row "$size" "cold, ext4" "$cold" "$base" ""
      fast_link; end_pid "$ROOT/pids/webdav"; rm -rf "$CLOUD/OdroidBackup"
    fi
    policy $kind snapshot
    $GATE --snapshot svc >"$out" 2>&1 || cat "$out"
    first=$(said_downtime)
    for ((night = 0; night < nights; night++)); do
      sleep 3; tree /media/$kind/svc/data $files "$size" 100
      $GATE --snapshot svc >"$out" 2>&1 || cat "$out"
      said_downtime
    done >"$ROOT/nights"
    later=$(median <"$ROOT/nights")
    method=$(sed -n 's/.*took a snapshot (\([^)]*\)).*/\1/p' "$out")
    row "$size" "$method, $kind" "$later" "$base" "$(echo "$later $base $cold $first" | awk '{ printf "%+.2f s over own; 1/%.0f of cold; first night %s s", $1 - $2, $3 / $1, $4 }')"
    podman rm -f -t 0 svc >/dev/null
    umount /media/$kind; rm -f "$ROOT/$kind.img"
  done
done
e2e_end >/dev/null
