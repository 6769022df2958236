#!/bin/bash
# Installs backupctl on this host: programs, man pages, the policy's directory, and for each client an ssh account of its own,
# a sudoers file without a wildcard and an authorized_keys line. Running it again changes only what is missing.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() { cat <<'EOF'; }
usage: sudo ./deploy/install.sh [options]
  --key KEY          the scheduler's public key: a file, or the line 'ssh-ed25519 AAAA…' itself
  --client NAME      this account is the client NAME of the policy (default: the client "default")
  --account NAME     its ssh account (default backup_ops; a second client needs an account of its own)
  --home DIR         the account's home (default /home/ACCOUNT)
  --builddir DIR     install what is built there, instead of building into build/
  --no-packages      install no Debian packages
Beside an installation in use:
  --prefix DIR       programs and man pages (default /usr/local)
  --policy FILE      its policy file (default /etc/backupctl/policy.toml)
  --sudoers NAME     its file in /etc/sudoers.d (default backupctl, or backupctl-CLIENT)
EOF

prefix=/usr/local policy=/etc/backupctl/policy.toml account=backup_ops client='' key='' home='' builddir='' sudoers='' packages=yes
while [ $# -gt 0 ]; do
  case $1 in
    --key|--client|--account|--home|--builddir|--prefix|--policy|--sudoers)
      [ $# -ge 2 ] || die "$1 needs a value" 64
      declare "${1#--}=$2"; shift 2 ;;
    --no-packages) packages=no; shift ;;
    --help|-h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
done
need_root
[[ $account =~ ^[a-z_][a-z0-9_-]{0,30}$ ]] || die "'$account' is no account name; nothing was changed" 64
[[ -z $client || $client =~ ^[a-z0-9][a-z0-9_-]{0,63}$ ]] || die "'$client' is no client name; nothing was changed" 64
[[ $prefix =~ ^/[A-Za-z0-9._/-]+$ && $policy =~ ^/[A-Za-z0-9._/-]+$ ]] || die "--prefix and --policy take plain absolute paths; nothing was changed" 64
[ -z "$client" ] || [ "$account" != backup_ops ] || die "client $client needs an ssh account of its own (--account NAME): one Unix account is one client; nothing was changed" 64
home=${home:-/home/$account}
sudoers=${sudoers:-backupctl${client:+-$client}}
gate=$prefix/bin/backupctl
command=$gate
[ "$policy" = /etc/backupctl/policy.toml ] || command+=" --policy $policy"
recover="$command --recover"
command+=" --ssh-gate${client:+ --client $client}"
unit=backupctl-recover
[ "$prefix" = /usr/local ] || unit+=-$(basename "$prefix" | tr -c 'A-Za-z0-9\n' -)

key_line=''
if [ -n "$key" ]; then
  key_line=$key
  [ ! -f "$key" ] || key_line=$(cat "$key")
  [[ $key_line =~ ^(ssh-ed25519|ecdsa-sha2-nistp[0-9]+|ssh-rsa|sk-ssh-ed25519@openssh\.com)\ [A-Za-z0-9+/=]+( [^\"$'\n']*)?$ ]] ||
    die "--key names no single public key line (a private key, or a line with options?); nothing was changed" 65
fi
require_root_owned "$(dirname "$prefix")"

# 1. Packages and programs.
if [ $packages = yes ]; then
  if [ -n "$builddir" ]; then install_packages run; else install_packages run build; fi
fi
if [ -z "$builddir" ]; then
  builddir=$BACKUPCTL_SOURCE/build
  say "Building into $builddir"
  build_into "$builddir" -Dtests=false
fi
say "Programs:"
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
DESTDIR=$staged meson install -C "$builddir" --quiet --no-rebuild
built_for=$(meson introspect "$builddir" --buildoptions | python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
manifest=$prefix/libexec/backupctl/installed
mapfile -t files < <(cd "$staged$built_for" && find . \( -type f -o -type l \) -printf '%P\n' | sort)
[[ " ${files[*]} " == *" bin/backupctl "* ]] || die "the build in $builddir installs no bin/backupctl; nothing was changed"

# make_dir DIR: with its parents; what had to be made is remembered, so that uninstall.sh takes away no more.
made=()
make_dir() {
  [ ! -d "$1" ] || return 0
  make_dir "$(dirname "$1")"
  install -d -o root -g root -m 755 "$1"
  made+=("dir $1")
}
remember() { grep -qxF "$*" "$manifest" || echo "$*" >>"$manifest"; }

make_dir "$prefix/libexec/backupctl"
touch "$manifest"
for file in "${files[@]}"; do
  make_dir "$(dirname "$prefix/$file")"
  install -o root -g root -m "$(stat -c %a "$staged$built_for/$file")" "$staged$built_for/$file" "$prefix/$file.new"
  mv -f "$prefix/$file.new" "$prefix/$file"   # a gate that runs keeps the program it was started as
  remember "file $prefix/$file"
  did "$prefix/$file"
done

# 2. The policy's directory. What is there stays.
config=$(dirname "$policy")
say "Configuration:"
make_dir "$config"
[ -d "$config/trusted.d" ] || install -d -o root -g root -m 755 "$config/trusted.d"
require_root_owned "$config"
cmp -s "$BACKUPCTL_SOURCE/deploy/policy.example.toml" "$policy.example" ||
  install -o root -g root -m 644 "$BACKUPCTL_SOURCE/deploy/policy.example.toml" "$policy.example"
remember "file $policy.example"
if [ -e "$policy" ]; then
  did "$policy is there and stays as it is"
else
  install -o root -g root -m 644 "$policy.example" "$policy"
  did "$policy: the example; now make it yours"
fi
if [ -e "$config/rclone.conf" ]; then
  [ "$(stat -c '%u %a' "$config/rclone.conf")" = "0 600" ] || warn "$config/rclone.conf must be root's and 0600; the gate refuses it as it is"
else
  did "$config/rclone.conf is missing: sudo rclone config --config $config/rclone.conf; then chmod 600"
fi

# 3. The ssh account. Not locked (sshd refuses locked accounts without PAM) but with no password that could match; its home and
# keys belong to root, so that the account cannot let further keys in. /bin/sh is dash, which reads no start-up file here.
say "Account $account:"
if ! getent passwd "$account" >/dev/null; then
  useradd --system --home-dir "$home" --no-create-home --shell /bin/sh --comment "backupctl client ${client:-default}" "$account"
  usermod --password '*' "$account"
  remember "account $account $home"
  did "made, without a password"
else
  did "is there"
fi
make_dir "$home"
[ -d "$home/.ssh" ] || install -d -o root -g root -m 755 "$home/.ssh"
keys=$home/.ssh/authorized_keys
[ -e "$keys" ] || install -o root -g root -m 644 /dev/null "$keys"
[ "$(stat -c %u "$keys")" = 0 ] || warn "$keys belongs to the account itself; chown root: it, so that $account cannot let further keys in"
if [ -n "$key_line" ]; then
  line="restrict,command=\"sudo $command\" $key_line"
  if grep -qxF "$line" "$keys"; then
    did "$keys has this key already"
  elif grep -qF "$(cut -d' ' -f2 <<<"$key_line")" "$keys"; then
    die "$keys has this key with other options; remove that line first, then run this again" 65
  else
    echo "$line" >>"$keys"
    did "$keys: $line"
  fi
else
  did "no --key given: add the scheduler's public key to $keys as"
  did "  restrict,command=\"sudo $command\" ssh-ed25519 …"
fi

# 4. sudoers, checked before it is in place: a broken file there would lock everybody out of sudo.
say "sudo:"
sudoers_file=/etc/sudoers.d/$sudoers
cat >"$staged/sudoers" <<EOF
# $account may run the backup gate and nothing else. sudo's own recording would record exports.
Defaults!$gate env_keep += "SSH_ORIGINAL_COMMAND"
Defaults!$gate env_keep += "SSH_CONNECTION"
Defaults!$gate !log_output, !requiretty
$account ALL=(root) NOPASSWD: $command
EOF
visudo -cqf "$staged/sudoers" || die "visudo refuses the sudoers lines; /etc/sudoers.d is unchanged"
if cmp -s "$staged/sudoers" "$sudoers_file"; then
  did "$sudoers_file is up to date"
else
  install -o root -g root -m 440 "$staged/sudoers" "/etc/sudoers.d/.$sudoers.new"   # sudo skips names with a dot
  mv -f "/etc/sudoers.d/.$sudoers.new" "$sudoers_file"
  did "$sudoers_file"
fi
remember "sudoers $sudoers_file"

# 5. What starts a stopped service when its guardian is gone too: at boot, and once a minute (guarantee S1).
say "Recovery:"
# put FILE: standard input becomes FILE, unless it is that already.
put() {
  cat >"$staged/unit"
  cmp -s "$staged/unit" "$1" || install -o root -g root -m 644 "$staged/unit" "$1"
  remember "file $1"
  did "$1"
}
if [ -d /run/systemd/system ]; then
  put "/etc/systemd/system/$unit.service" <<EOF
[Unit]
Description=Start services that the backup gate stopped and nobody started
Documentation=man:backupctl(8)
[Service]
Type=oneshot
ExecStart=$recover
# The guardians that it starts outlive it.
KillMode=process
[Install]
WantedBy=multi-user.target
EOF
  # Early in a boot: a service that comes up by itself must not run on a restore in place that was broken off (guarantee D6).
  put "/etc/systemd/system/$unit-files.service" <<EOF
[Unit]
Description=Undo restores of the backup gate that were broken off
Documentation=man:backupctl(8)
DefaultDependencies=no
RequiresMountsFor=$prefix $(dirname "$policy") /var/lib
After=local-fs.target
Before=basic.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
ExecStart=$recover --files
[Install]
WantedBy=basic.target
EOF
  put "/etc/systemd/system/$unit.timer" <<EOF
[Unit]
Description=Look for services that the backup gate stopped and nobody started
[Timer]
OnBootSec=30s
OnUnitActiveSec=1min
[Install]
WantedBy=timers.target
EOF
  systemctl daemon-reload && systemctl --quiet enable "$unit.service" "$unit-files.service" && systemctl --quiet enable --now "$unit.timer" ||
    warn "systemctl did not take $unit.timer: a service whose guardian is gone too stays down until $recover is run"
elif [ -d /etc/cron.d ]; then
  put "/etc/cron.d/$unit" <<EOF
# Start services that the backup gate stopped and nobody started: at boot, and once a minute.
@reboot root $recover >/dev/null
* * * * * root $recover >/dev/null
EOF
else
  warn "neither systemd nor cron is here: after a reboot, run $recover"
fi
for line in "${made[@]}"; do remember "$line"; done
visudo -cq || die "visudo finds the sudoers files as a whole invalid; look at $sudoers_file first"

say "Installed. Next: edit $policy, then: sudo ${command%% --ssh-gate*} --check-policy"
