#!/bin/bash
# The figures that users compare, side by side in one run: how fast a request is refused, and how fast 500 MB become an archive, on
# local disk and on a webdav remote. It prints; it never fails on a figure.
#   sudo ./tests/bench/run.sh [ROUNDS, default 3] [BUILD, default build/]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../deploy/lib.sh"
need_root
rounds=${1:-3}
build=${2:-$BACKUPCTL_SOURCE/build}
install_packages run build demo test
[ -x "$build/gate/backupctl" ] || build_into "$build"
gate=$build/gate/backupctl

root=/var/lib/backupctl-bench-$$
clean() { end_pid "$root/webdav.pid"; rm -rf --one-file-system "$root"; }
trap clean EXIT
trap 'exit 130' INT TERM
mkdir -p "$root"/{cloud,state,spool,etc}
port=$(free_port)
rclone serve webdav "$root/cloud" --config /dev/null --addr "127.0.0.1:$port" --dir-cache-time 0s >"$root/webdav.log" 2>&1 &
echo $! >"$root/webdav.pid"
(umask 077; printf '[onedrive]\ntype = webdav\nurl = http://127.0.0.1:%s\nvendor = other\n' "$port" >"$root/etc/rclone.conf")
for format in tar.gz tar.zst; do
  cat >"$root/etc/$format.toml" <<EOF
schema = 1
[gate]
state_dir = "$root/state"
rclone_config = "$root/etc/rclone.conf"
worker_uids = 1878983168
[remote.onedrive]
root = "/bench"
[service.mixed]
path = "$root/data"
remotes = ["onedrive"]
format = "$format"
EOF
done
wait_for 10 port_open "$port"

echo "Machine: $(nproc) processors, $(uname -mr)"
echo
echo "Refusal, start to exit, without ssh and sudo: median of 100, 90th percentile, exit status"
rrsync=$(command -v rrsync || echo /usr/share/doc/rsync/scripts/rrsync)
"$gate" --policy "$root/etc/tar.gz.toml" --list >/dev/null 2>&1 || true    # makes the state directory
python3 "$here/latency.py" 100 \
  'gate, refusal' 'backupctl --nope' "$gate" --policy "$root/etc/tar.gz.toml" --ssh-gate -- \
  'gate, --status' 'backupctl --status' "$gate" --policy "$root/etc/tar.gz.toml" --ssh-gate -- \
  'rrsync, refusal' 'backupctl --nope' "$rrsync" "$root/data" -- \
  'python3 -I -S, refusal' 'backupctl --nope' /usr/bin/python3 -I -S "$here/python_gate.py" -- \
  '/bin/true, for scale' '' /bin/true |
  awk -F'\t' '{ target = $1 == "gate, refusal" ? "target: 3 ms or less" : $1 == "gate, --status" ? "target: 15 ms or less" : ""
                printf "  %-24s %8.2f ms %8.2f ms   exit %-3s %s\n", $1, $2, $3, $4, target }'

echo
echo "Archive of a 500 MB mixed tree, $rounds rounds"
"$here/make_tree.sh" "$root/data" >/dev/null
find "$root/data" -type f -exec cat {} + >/dev/null      # page cache warm for everybody
measure() { python3 "$here/measure.py" "$@"; }
archive_size() { find "$root/cloud/bench" -name 'mixed-*.tar.*' ! -name '*.sha256' ! -name '*.json' -printf '%s\n' 2>/dev/null | head -n 1; }
record() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$root/figures"; }
for ((round = 1; round <= rounds; round++)); do
  took=$(measure /bin/sh -c "tar -C '$root' -cf - data | gzip >'$root/spool/pipe.tar.gz'")
  record 'pipe to disk' "$(stat -c %s "$root/spool/pipe.tar.gz")" "$took"
  rm -f "$root/spool/pipe.tar.gz"
  took=$(measure /bin/sh -c "tar -C '$root' -cf - data | gzip | rclone --config '$root/etc/rclone.conf' rcat onedrive:/pipe.tar.gz")
  record 'pipe to webdav' "$(stat -c %s "$root/cloud/pipe.tar.gz")" "$took"
  rm -f "$root/cloud/pipe.tar.gz"
  for format in tar.gz tar.zst; do
    rm -rf "$root/cloud/bench"
    took=$(measure "$gate" --policy "$root/etc/$format.toml" --archive mixed --json 2>>"$root/errors")
    record "gate $format" "$(archive_size)" "$took"
  done
done
python3 "$here/table.py" "$root/figures"
if [ -s "$root/errors" ]; then echo "Messages of the gate:"; head -n 5 "$root/errors"; fi
