#!/bin/bash
# A backup night from end to end on this machine, beside whatever is installed: a demonstration service in a real podman
# container is stopped, mirrored, archived and started by backup-client through a real sshd and sudo, then restored and compared.
#   sudo ./deploy/quickstart.sh            run it; again whenever you like
#   sudo ./deploy/quickstart.sh --undo     take everything away again, but the Debian packages
set -euo pipefail
. "$(dirname "$0")/lib.sh"

name=${QUICKSTART_NAME:-backupctl-quickstart}   # everything of the demonstration carries this name
prefix=/opt/$name
policy=$prefix/etc/policy.toml
account=backup_demo
container=$name-service
image=localhost/$name:1
data=$prefix/service/data

step_number=0
step() { step_number=$((step_number + 1)); printf '\n%d. %s\n' $step_number "$*"; }
explain() { printf '%s\n' "$*" | fold -s -w 96 | sed 's/^/   /'; }
run() { printf '   $ %s\n' "$1"; shift; "$@" 2>&1 | sed 's/^/     /'; return "${PIPESTATUS[0]}"; }

undo() {
  say "Taking the demonstration away:"
  end_pid "$prefix/sshd/sshd.pid" && did "its sshd"
  if command -v podman >/dev/null; then
    podman rm -f -t 2 "$container" >/dev/null 2>&1 && did "container $container" || true
    podman rmi -f "$image" >/dev/null 2>&1 && did "image $image" || true
  fi
  "$BACKUPCTL_SOURCE/deploy/uninstall.sh" --prefix "$prefix" --policy "$policy" --state "$prefix/state" --purge
  rm -rf --one-file-system "$prefix"
  did "$prefix"
  say "Nothing of it is left but the Debian packages it needed."
}

need_root
case ${1:-} in
  '') ;;
  --undo) undo; exit 0 ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
require_root_owned "$(dirname "$prefix")"

step "Debian packages"
install_packages run build demo
explain "Everything of deploy/packages-debian12.txt that running, building and this demonstration need is there."

step "Build"
build=$BACKUPCTL_SOURCE/build
build_into "$build" -Dtests=false
explain "$build/gate/backupctl is the gate, $build/client/backup-client is what a scheduler runs."

step "Install into $prefix, beside any installation in use"
mkdir -p "$prefix"/{etc,state,remote,service/data/photos,client}
chmod 755 "$prefix" "$prefix"/*
cat >"$policy" <<EOF
# The demonstration's policy: one service, one remote.
schema = 1
[gate]
state_dir = "$prefix/state"
worker_uids = 1878982912        # next to the default range, so that an installation in use shares no uid with this one
[guard]
min_up = "0s"                   # so that you may run it as often as you like; keep the default in earnest
max_down_per_day = "24h"
[remote.disk]                   # a directory instead of a cloud: no account is needed
directory = "$prefix/remote"
root = "/"
[controller.demo]
kind = "podman"
containers = ["$container"]
[service.demo]
controller = "demo"
path = "$data"
remotes = ["disk"]
consistency = "cold"            # copied while it stands still
EOF
[ -e "$prefix/client/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$prefix/client/id_ed25519"
"$BACKUPCTL_SOURCE/deploy/install.sh" --no-packages --builddir "$build" --prefix "$prefix" --policy "$policy" \
  --account $account --home "$prefix/home" --sudoers "$name" --key "$prefix/client/id_ed25519.pub" >"$prefix/install.log" ||
  { cat "$prefix/install.log" >&2; die "installing failed; see above"; }
run "backupctl --policy $policy --check-policy" "$prefix/bin/backupctl" --policy "$policy" --check-policy
explain "The account $account may do one thing: run the gate, through one sudoers line without a wildcard."

step "A service in a container"
[ -e "$data/notes.txt" ] || {
  printf 'What a service keeps.\n' >"$data/notes.txt"
  head -c 2000000 /dev/urandom >"$data/photos/holiday.jpg"
  ln -s notes.txt "$data/latest"
  ln "$data/photos/holiday.jpg" "$data/photos/same picture.jpg"
}
podman image exists "$image" || import_busybox_image "$image"
if podman container exists "$container"; then
  podman start "$container" >/dev/null
else
  # shellcheck disable=SC2046  # the flags are words
  podman run -d --name "$container" $(podman_flags "$image") -v "$data:/data" "$image" \
    sh -c 'trap "exit 0" TERM; while :; do date >>/data/visits.log; sleep 1 & wait $!; done' >/dev/null
fi
running() { [ "$(podman inspect -f '{{.State.Status}}' "$container")" = running ]; }
wait_for 10 running || die "the container $container does not run; podman logs $container says why"
explain "$container runs and writes to $data every second."

step "An sshd on loopback, for the demonstration alone"
end_pid "$prefix/sshd/sshd.pid"
port=$(free_port)
start_sshd "$prefix/sshd" "$port" $account
known_host="[127.0.0.1]:$port $(cut -d' ' -f1,2 "$prefix/sshd/host_key.pub")"
echo "$known_host" >"$prefix/client/known_hosts"
cat >"$prefix/try" <<EOF
#!/bin/sh
# backup-client as a scheduler's container runs it: no privilege, the key in its environment, the host's key known.
export BACKUP_HOST=$account@127.0.0.1:$port
export BACKUP_SSH_KEY="\$(cat $prefix/client/id_ed25519)"
export BACKUP_KNOWN_HOSTS="$known_host"
export ARCHIVE_WEEKDAY=$(LC_ALL=C date +%A | tr '[:upper:]' '[:lower:]')
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs $prefix/bin/backup-client "\$@"
EOF
chmod 700 "$prefix/try"
explain "It listens on 127.0.0.1:$port and lets nobody in but $account, with one key that can ask for nothing but the gate."

step "The night: stop, sync, archive, start"
night=0
run "backup-client --stop demo" "$prefix/try" --stop demo || night=$?
if [ $night = 0 ]; then
  rm -rf "$prefix/as-stopped.new"; cp -a "$data" "$prefix/as-stopped.new"   # to compare with, later
  run "backup-client --sync demo" "$prefix/try" --sync demo || night=$?
fi
archived=skipped
if [ $night = 0 ]; then
  run "backup-client --archive demo" "$prefix/try" --archive demo || night=$?
  case $night in
    0) archived=now; rm -rf "$prefix/as-stopped"; mv "$prefix/as-stopped.new" "$prefix/as-stopped" ;;
    75) night=0
        explain "It ended with 75, \"skipped\": today's archive is there already, verified and signed, and is never replaced over the gate. That is what a second run on one day should do; schedulers show it grey, not red." ;;
  esac
fi
started=0
run "backup-client --start demo" "$prefix/try" --start demo || started=$?   # always, whatever happened before
[ $night = 0 ] || die "the night ended with $night; the lines above say why" "$night"
[ $started = 0 ] || die "the service was not started again ($started); the lines above say why" "$started"
running || die "--start ended 0, but the container $container does not run"
explain "The service runs again. On the remote:"
(cd "$prefix/remote" && find . -type f -not -path './demo/data/*' -printf '     %10s  %P\n' && find . -path './demo/data/*' -type f -printf '     %10s  %P\n' | tail -5)

step "What the scheduler cannot do"
refused=0
run "ssh $account@127.0.0.1 'backupctl --restore demo'" ssh -T -p "$port" -i "$prefix/client/id_ed25519" -o BatchMode=yes \
  -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$prefix/client/known_hosts" \
  $account@127.0.0.1 "backupctl --restore demo" || refused=$?
[ $refused = 77 ] || die "a restore over ssh should be refused with 77 and ended with $refused"
explain "Restoring is a deliberate act on the host, as root. Here it is:"

step "Restore the archive elsewhere, and compare"
target=$prefix/restored
rm -rf "$target"
mkdir "$target"
run "backupctl --restore demo --archive latest --to $target" \
  "$prefix/bin/backupctl" --policy "$policy" --restore demo --archive latest --to "$target"
differences=$(rsync -aHAXn --checksum --delete --itemize-changes "$prefix/as-stopped/" "$target/data/")
if [ -n "$differences" ]; then
  printf '%s\n' "$differences" | head -20 >&2
  die "the restored tree differs from what the service had when it was archived; see above" 65
fi
explain "$(find "$target/data" | wc -l) files and directories came back with the contents, owners, modes, times and links that they had when the service was stopped$([ $archived = now ] || echo ' for that archive'): rsync and its checksums find no difference."

step "Done"
cat <<EOF
   Look around    sudo $prefix/try --list demo; sudo $prefix/try --status; cat $policy
   In earnest     sudo ./deploy/install.sh --key 'ssh-ed25519 …', then edit /etc/backupctl/policy.toml
   Undo this      sudo $0 --undo
EOF
