#!/bin/bash
# A machine where nothing was installed before: a Debian 12 root made by debootstrap, with no package but its own. Both commands of
# the README run in it. Takes minutes and the Debian mirror, so only with --full.
. "$(dirname "$0")/lib.sh"
if [ "${E2E_FULL:-no}" != yes ]; then
  skip "both commands on a bare Debian root" "takes minutes and a Debian mirror; ./tests/run.sh --full runs it"
  e2e_end
fi
e2e_begin "$@"

root=$ROOT/debian
in_root() { chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 E2E_INSIDE=yes "$@"; }
# Where this host gets its packages, with its proxy and its keys: copied from the host's own /etc/apt, not from the private copy.
mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^(http|https|file|copy):/) { print $i; exit } }' \
  /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null)
mirror=${mirror:-$(awk '$1 == "URIs:" { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null)}

check "debootstrap makes a bare root" debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}"
[ $E2E_FAILED = 0 ] || e2e_end
cp -a /etc/apt/. "$root/etc/apt/"
cp -L "$ROOT/resolv.host" "$root/etc/resolv.conf" 2>/dev/null
mkdir -p "$root/src" "$root/var/lib" "$root/sys/fs/cgroup"
(cd "$E2E_SOURCE" && git -c safe.directory='*' ls-files -z | xargs -0 tar -cf - --) | tar -C "$root/src" -xf -
mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"; mount -t tmpfs none "$root/run"
# podman keeps containers on a real file system, not on a root that is itself a directory of another.
mkdir -p "$ROOT/varlib"; cp -a "$root/var/lib/." "$ROOT/varlib/"; mount --bind "$ROOT/varlib" "$root/var/lib"

check_not "nothing is installed there before" in_root sh -c 'command -v g++ || command -v rclone || command -v podman || command -v sudo'
check "quickstart.sh on the bare root" in_root timeout 1500 /src/deploy/quickstart.sh
check_says "… restores and compares" "find no difference"
check "quickstart.sh twice in a row" in_root timeout 600 /src/deploy/quickstart.sh
check "quickstart.sh --undo" in_root /src/deploy/quickstart.sh --undo
check "tests/run.sh on the bare root" in_root timeout 1800 /src/tests/run.sh
check_says "… with its closing line" ' passed, 0 failed, '
e2e_end
