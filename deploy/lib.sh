# Shared by the scripts of deploy/ and tests/; sourced, never run. Expects `set -euo pipefail`.

BACKUPCTL_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say()  { printf '%s\n' "$*"; }
did()  { printf '  %s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }
die()  { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit "${2:-1}"; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root: it installs packages, accounts and a sudoers file; run it with sudo"; }

# packages_of SECTION…: the packages of these sections of packages-debian12.txt, one a line.
packages_of() {
  awk -v wanted=" $* " '
    /^\[/ { section = substr($1, 2, length($1) - 2); next }
    /^[a-z0-9]/ && index(wanted, " " section " ") { print $1 }' "$BACKUPCTL_SOURCE/deploy/packages-debian12.txt" | sort -u
}

# install_packages SECTION…: what is missing of them; asks the network for nothing when nothing is missing.
install_packages() {
  local missing
  mapfile -t missing < <(packages_of "$@" | while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  "${apt[@]}" update >/dev/null || warn "apt-get update failed; trying with the lists that are there"
  # No daemon that a package brings is started: an sshd of the quickstart's own listens on loopback alone.
  local keep_off=
  if [ ! -e /usr/sbin/policy-rc.d ] && [ ! -d /run/systemd/system ]; then
    keep_off=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$keep_off" && chmod 755 "$keep_off"
  fi
  local status=0
  "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null || status=$?
  [ -z "$keep_off" ] || rm -f "$keep_off"
  [ $status = 0 ] || die "apt-get could not install: ${missing[*]}; nothing else was changed"
}

# build_into DIR [meson option…]: configures once, compiles.
build_into() {
  local dir=$1; shift
  if [ ! -e "$dir/build.ninja" ]; then
    meson setup "$dir" "$BACKUPCTL_SOURCE" "$@" >/dev/null || die "meson setup failed: $dir/meson-logs/meson-log.txt says why"
  fi
  ninja -C "$dir" --quiet
}

# Paths that the gate trusts must be root's, with every directory above them (guarantee X7).
require_root_owned() {
  local path=$1
  while :; do
    if [ -e "$path" ]; then
      [ "$(stat -c %u "$path")" = 0 ] || die "$path does not belong to root; the gate trusts nothing below it"
      case $(stat -c %A "$path") in
        ?????w*|????????w*) die "$path is writable by others than root; the gate trusts nothing below it" ;;
      esac
    fi
    [ "$path" != / ] || return 0
    path=$(dirname "$path")
  done
}

# free_port: a TCP port on loopback that nothing listens on (sshd and rclone cannot take a listening socket over).
free_port() {
  local port
  for port in $(shuf -i 20000-32000 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return 0; }
  done
  die "no free port on loopback"
}

# wait_for SECONDS CMD…: until it succeeds.
wait_for() {
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.05
  done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# end_pid FILE: ends the daemon whose pid FILE holds, and waits for it.
end_pid() {
  local pid
  [ -s "$1" ] && pid=$(cat "$1") && rm -f "$1" || return 0
  kill "$pid" 2>/dev/null || return 0
  wait_for 5 test ! -e "/proc/$pid" || kill -9 "$pid" 2>/dev/null || true
}

# import_busybox_image NAME: a container image with nothing but busybox in it; no registry is asked.
import_busybox_image() {
  local root applet
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,data,tmp}
  cp /bin/busybox "$root/bin/busybox"
  for applet in sh cat date echo httpd mkdir sleep wc; do ln -s busybox "$root/bin/$applet"; done
  tar -C "$root" -cf - . | podman import -q - "$1" >/dev/null
  rm -rf "$root"
}

# podman_flags IMAGE: what `podman run` needs here beyond the plain call. A small machine without systemd, without
# CAP_SYS_RESOURCE or with hybrid cgroups refuses the default limits; the plain call is tried first.
podman_flags() {
  if podman run --rm --network=none "$1" true >/dev/null 2>&1; then
    echo "--network=none"
  else
    echo "--runtime runc --network=none --ulimit nofile=1024:1024 --ulimit nproc=4096:4096"
  fi
}

# start_sshd DIR PORT ACCOUNT…: an sshd of our own on loopback; its keys, log and pid in DIR, for these accounts alone.
start_sshd() {
  local dir=$1 port=$2; shift 2
  mkdir -p "$dir" /run/sshd
  chmod 700 "$dir"
  [ -e "$dir/host_key" ] || ssh-keygen -q -t ed25519 -N '' -C backupctl-loopback -f "$dir/host_key"
  cat >"$dir/sshd_config" <<EOF
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host_key
PidFile $dir/sshd.pid
AllowUsers $*
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
PrintMotd no
PrintLastLog no
LogLevel INFO
EOF
  sed "s/^Match User .*/Match User $(echo "$*" | tr ' ' ,)/" "$BACKUPCTL_SOURCE/deploy/sshd_config.snippet" >>"$dir/sshd_config"
  /usr/sbin/sshd -t -f "$dir/sshd_config" || die "sshd does not accept $dir/sshd_config"
  /usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/sshd.log"
  wait_for 10 port_open "$port" || die "sshd does not listen on 127.0.0.1:$port; $dir/sshd.log says why"
}
