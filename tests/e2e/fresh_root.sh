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
on_clean() { umount -R -l "$root" 2>/dev/null; }
cp "$ROOT/resolv.host" /etc/resolv.conf      # the one test that needs the network
# A root of its own by pivot_root, not chroot: the kernel gives no user namespace to a process in a chroot.
in_root() {
  unshare --mount --propagation private -- /bin/sh -c 'cd "$0" && pivot_root . mnt && umount -l /mnt && exec env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"' "$root" "$@"
}
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -nE 's,^(deb|URIs:).*[[:space:]]((https?|file|copy):[^[:space:]]*/debian/?)([[:space:]].*)?$,\2,p' | head -n 1)

check "debootstrap makes a bare root" debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"}
[ $E2E_FAILED = 0 ] || e2e_end
apt-config dump | grep -i '^Acquire::https\?::Proxy' >"$root/etc/apt/apt.conf.d/90proxy"
cp "$ROOT/resolv.host" "$root/etc/resolv.conf"
mkdir -p "$root/usr/local/share/ca-certificates"    # authorities of this network's own, as its administrator would hand over
cp "$ROOT"/authorities/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null
mkdir "$root/src"
(cd "$E2E_SOURCE" && git -c safe.directory='*' ls-files -z | xargs -0 tar -cf - --) | tar -C "$root/src" -xf -
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"; mount -t tmpfs -o mode=755 none "$root/run"

check_not "nothing is installed there before" in_root sh -c 'command -v g++ || command -v rclone || command -v podman || command -v sudo'
check "quickstart.sh on the bare root" in_root timeout 1500 /src/deploy/quickstart.sh
check_says "… restores and compares" "find no difference"
check "quickstart.sh twice in a row" in_root timeout 600 /src/deploy/quickstart.sh
check "quickstart.sh --undo" in_root /src/deploy/quickstart.sh --undo
check "tests/run.sh on the bare root" in_root timeout 4500 /src/tests/run.sh
check_says "… with its closing line" ' passed, 0 failed, '
check "tests/run.sh twice in a row" in_root timeout 4500 /src/tests/run.sh
check_says "… with its closing line" ' passed, 0 failed, '
e2e_end
