#!/bin/bash
# Removes what install.sh made. Policy, credentials, journal, signing key and archives stay, unless --purge is given.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() { cat <<'EOF'; }
usage: sudo ./deploy/uninstall.sh [--prefix DIR] [--policy FILE] [--state DIR] [--purge]
  --prefix, --policy   as they were given to install.sh (default /usr/local, /etc/backupctl/policy.toml)
  --purge              also remove the policy's directory (rclone.conf with its tokens!) and the state directory with the signing
                       key and the journal; backups on the remotes stay
  --state DIR          the policy's state_dir (default /var/lib/backupctl)
EOF

prefix=/usr/local policy=/etc/backupctl/policy.toml state=/var/lib/backupctl purge=no directories=()
while [ $# -gt 0 ]; do
  case $1 in
    --prefix|--policy|--state) [ $# -ge 2 ] || die "$1 needs a value" 64; declare "${1#--}=$2"; shift 2 ;;
    --purge) purge=yes; shift ;;
    --help|-h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
done
need_root
manifest=$prefix/libexec/backupctl/installed
[ -e "$manifest" ] || { say "Nothing of install.sh's is in $prefix."; [ $purge = yes ] || exit 0; }

# Nobody would start them any more (guarantee S1).
for lease in "$state"/leases/*; do
  [[ -e $lease && $lease != *.tmp ]] || continue
  "$prefix/bin/backupctl" --policy "$policy" --start "${lease##*/}" ||
    die "${lease##*/} is stopped and could not be started; start it, remove $lease, and run this again; nothing was changed"
done

say "Removing:"
if [ -e "$manifest" ]; then
  # The way in first: no request may find half a gate.
  while read -r path; do rm -f "$path"; did "$path"; done < <(sed -n 's/^sudoers //p' "$manifest")
  while read -r account home; do
    # Its ssh sessions end with it.
    ps -o pid= -u "$account" 2>/dev/null | xargs -r kill 2>/dev/null || true
    userdel "$account" 2>/dev/null || warn "account $account could not be removed"
    rm -f "$home/.ssh/authorized_keys"
    rmdir "$home/.ssh" 2>/dev/null && { rmdir "$home" 2>/dev/null || true; } || warn "$home is not empty and stays"
    did "account $account, $home"
  done < <(sed -n 's/^account //p' "$manifest")
  while read -r path; do
    case $path in /etc/systemd/system/*) systemctl --quiet disable --now "${path##*/}" 2>/dev/null || true ;; esac
    rm -f "$path"; did "$path"
  done < <(sed -n 's/^file //p' "$manifest")
  mapfile -t directories < <(sed -n 's/^dir //p' "$manifest" | sort -r)
  rm -f "$manifest"
fi

config=$(dirname "$policy")
if [ $purge = yes ]; then
  for directory in "$config" "$state"; do
    [ -d "$directory" ] || continue
    find "$directory" -xdev -mindepth 1 -delete
    rmdir "$directory" 2>/dev/null || true   # a mount point stays, empty
    did "$directory (--purge)"
  done
else
  rmdir "$config/trusted.d" 2>/dev/null || true
  say "Kept: $config (policy, credentials) and $state (journal, signing key). Remove them with --purge."
fi
for directory in "${directories[@]}"; do rmdir "$directory" 2>/dev/null || true; done   # those install.sh made and nobody uses
