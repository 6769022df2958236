# The world an end-to-end test runs in; sourced by lib.sh. Everything is real: accounts, sudo, sshd, podman, rclone.

GATE=/usr/local/bin/backupctl
CLIENT=/usr/local/bin/backup-client
POLICY=/etc/backupctl/policy.toml
CONF=/etc/backupctl/rclone.conf
STATE=/var/lib/backupctl
IMAGE=localhost/backupctl-e2e:1
DATA=/media/ssd/podman/vaultwarden/data
E2E_WORKER_UIDS=$((1878982656 - 256 * (2 + $$ % 1024)))   # neither the default, which an installation in use has, nor another test's
WEBDAV_SECRET=e2e-webdav-secret   # must show up nowhere

private_dir() { mkdir -p "$ROOT/private$1" "$1"; chmod 755 "$ROOT/private$1"; mount --bind "$ROOT/private$1" "$1"; }

private_world() {
  mkdir "$ROOT/authorities"; cp /usr/local/share/ca-certificates/*.crt "$ROOT/authorities/" 2>/dev/null   # for fresh_root.sh
  cp -a /etc "$ROOT/private/etc"
  rm -rf "$ROOT"/private/etc/{backupctl,sudoers.d/backupctl*}
  # Files that are mounts of their own (a container's resolv.conf) are copied with the rest, and then are plain files.
  mount --bind "$ROOT/private/etc" /etc
  for dir in /usr/local /home /media "$STATE"; do private_dir "$dir"; done
  # resolv.conf may be a link to below /run/systemd. Nothing here leaves the loopback, but for fresh_root.sh.
  cat /etc/resolv.conf >"$ROOT/resolv.host" 2>/dev/null; rm -f /etc/resolv.conf; echo 'nameserver 127.0.0.1' >/etc/resolv.conf
  # sudo complains on standard error about a host whose own name it cannot resolve.
  printf '127.0.0.1 localhost %s\n' "$(hostname)" >/etc/hosts
  mkdir -p /run/systemd; mount -t tmpfs -o mode=755 none /run/systemd
  mount -t tmpfs -o mode=1777 none /dev/shm          # podman's locks
  mkdir -p /etc/containers
  cat >/etc/containers/storage.conf <<EOF
[storage]
driver = "vfs"
graphroot = "$ROOT/containers"
runroot = "$ROOT/run/containers"
EOF
  cat >/etc/containers/containers.conf <<EOF
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$ROOT/run/libpod"
EOF
}

leave_world() {
  local dir
  for dir in "$STATE" /media /home /usr/local /etc; do umount -l "$dir" 2>/dev/null; done
  rm -rf --one-file-system "$ROOT"
  # The empty mount point, when no installation and no other test has it: removing it would unmount it there.
  compgen -G '/var/lib/backupctl-test-[0-9]*' >/dev/null || rmdir "$STATE" 2>/dev/null
}

# e2e_install [install.sh option…]: the gate as on a real host, one client with a key, the policy of write_policy.
e2e_install() {
  [ -e "$ROOT/key" ] || ssh-keygen -q -t ed25519 -N '' -C scheduler -f "$ROOT/key"
  "$E2E_SOURCE/deploy/install.sh" --no-packages --builddir "$E2E_BUILD" --key "$ROOT/key.pub" "$@" >"$out" 2>&1 ||
    { fail "install.sh"; _indent "$out"; e2e_end; }
}

# write_policy [FILE…]: head, remote and the usual service; further tables from standard input when `-` is given.
write_policy() {
  cat >"$POLICY.new" <<EOF
schema = 1
[gate]
worker_uids = $E2E_WORKER_UIDS
lock_wait = "20s"
[guard]
min_up = "0s"
[remote.onedrive]
root = "/OdroidBackup"
[remote.disk]
directory = "$ROOT/disk"
root = "/"
EOF
  if [ "${1:-}" = - ]; then cat >>"$POLICY.new"; else vaultwarden_policy >>"$POLICY.new"; fi
  mkdir -p "$ROOT/disk"
  mv "$POLICY.new" "$POLICY"
}

# vaultwarden_policy [CONTAINERS]: the usual service; its containers as the policy lists them.
vaultwarden_policy() {
  local containers=${1:-'"vaultwarden"'}
  cat <<EOF
[controller.vaultwarden]
kind = "podman"
containers = [$containers]
grace = "5s"
[service.vaultwarden]
controller = "vaultwarden"
path = "$DATA"
remotes = ["onedrive"]
consistency = "cold"
[extra_target.www]
path = "$ROOT/www"
remotes = ["onedrive"]
EOF
}

# make_data: a small tree with a bit of everything a mirror and an archive must carry.
make_data() {
  mkdir -p "$DATA"/{attachments/empty,sends}
  printf 'db\n' >"$DATA/db.sqlite3"
  head -c 300000 /dev/urandom >"$DATA/attachments/photo.bin"
  seq 1 20000 >"$DATA/sends/numbers.txt"
  printf 'x' >"$DATA/a name with spaces & ümlaut.txt"
  ln -sf db.sqlite3 "$DATA/link"
  ln -f "$DATA/sends/numbers.txt" "$DATA/sends/hard link.txt"
  chmod 640 "$DATA/db.sqlite3"; chown 1234:4321 "$DATA/sends/numbers.txt"
  printf '<h1>www</h1>\n' >"$ROOT/www/index.html"
}

# run_container NAME DIR [stubborn|slow]: a service that writes to its /data every second. A stubborn one ignores SIGTERM, a slow
# one needs 6 seconds to stop.
run_container() {
  podman image exists $IMAGE 2>/dev/null || import_busybox_image $IMAGE
  PODMAN_FLAGS=${PODMAN_FLAGS:-$(podman_flags $IMAGE)}
  local on_term='trap "exit 0" TERM'
  case ${3:-} in
    stubborn) on_term='trap "" TERM' ;;
    slow) on_term='trap "sleep 6; exit 0" TERM' ;;
  esac
  # shellcheck disable=SC2086  # the flags are words
  podman run -d --name "$1" $PODMAN_FLAGS -v "$2:/data" $IMAGE \
    sh -c "$on_term"'; while :; do echo alive >/data/heartbeat; sleep 1 & wait $!; done' >/dev/null
}
container_is() { [ "$(podman inspect -f '{{.State.Status}}' "$1" 2>/dev/null)" = "$2" ]; }
is_running() { container_is "$1" running; }
is_stopped() { container_is "$1" exited; }

# start_webdav [serve option…]: an OneDrive-like remote `onedrive` (renames, no hashes, no streaming) over $ROOT/cloud.
start_webdav() {
  WEBDAV_PORT=${WEBDAV_PORT:-$(free_port)}
  CLOUD=$ROOT/cloud; mkdir -p "$CLOUD"
  RCLONE_USER=backup RCLONE_PASS=$WEBDAV_SECRET rclone serve webdav "$CLOUD" --config /dev/null \
    --addr "127.0.0.1:$WEBDAV_PORT" --dir-cache-time 0s "$@" >>"$ROOT/webdav.log" 2>&1 &
  echo $! >"$ROOT/pids/webdav"
  disown
  if [ ! -e /etc/backupctl/rclone.conf ]; then
    (umask 077; cat >/etc/backupctl/rclone.conf) <<EOF
[onedrive]
type = webdav
url = http://127.0.0.1:$WEBDAV_PORT
vendor = other
user = backup
pass = $(rclone obscure $WEBDAV_SECRET)
EOF
  fi
  wait_for 10 port_open "$WEBDAV_PORT" || { fail "rclone serve webdav"; _indent "$ROOT/webdav.log"; e2e_end; }
}
stop_webdav() { end_pid "$ROOT/pids/webdav"; }

# start_s3: an S3 server over $ROOT/s3, and for rclone the remote `minio`, whose objects of more than 6 MB go there in parts. s3 is
# rclone as somebody who works in the bucket.
S3_SECRET=e2e-s3-secret-key   # must show up nowhere
start_s3() {
  S3_PORT=${S3_PORT:-$(free_port)}
  mkdir -p "$ROOT/s3"
  S3_ACCESS_KEY=e2e-key S3_SECRET_KEY=$S3_SECRET setsid node "$E2E_SOURCE/tests/e2e/s3rver/server.js" "$E2E_BUILD/s3rver/node_modules" \
    "$ROOT/s3" 127.0.0.1 "$S3_PORT" </dev/null >>"$ROOT/s3.log" 2>&1 &
  echo $! >"$ROOT/pids/s3"; disown
  if [ ! -e "$ROOT/s3.conf" ]; then
    printf '[minio]\n%s = %s\n%s = %s\n%s = %s\n%s = %s\n%s = %s\n%s = %s\n' type s3 provider Minio access_key_id e2e-key \
      secret_access_key $S3_SECRET endpoint "http://127.0.0.1:$S3_PORT" region us-east-1 >"$ROOT/s3.conf"
    (umask 077; cat "$ROOT/s3.conf" >>"$CONF")
    printf 'upload_cutoff = 6M\nchunk_size = 5M\n' >>"$ROOT/s3.conf"
  fi
  wait_for 20 port_open "$S3_PORT" || { fail "s3rver"; _indent "$ROOT/s3.log"; e2e_end; }
}
s3() { env -i PATH=/usr/bin:/bin HOME=/nonexistent rclone --config "$ROOT/s3.conf" "$@"; }

# start_token_server [COPIES]: an endpoint whose tokens are valid for a second, which rclone takes for expired, so that each use
# rotates (token_server.py says what COPIES are).
start_token_server() {
  TOKEN_PORT=$(free_port) TOKEN_LOG=$ROOT/token.log
  : >"$TOKEN_LOG"
  "$E2E_SOURCE/tests/e2e/token_server.py" "$TOKEN_PORT" "$TOKEN_LOG" refresh-0 1 "$@" >/dev/null 2>&1 &
  echo $! >"$ROOT/pids/token"; disown
  wait_for 10 port_open "$TOKEN_PORT"
}
# rotating_remote NAME: the section of an OneDrive remote with that endpoint's first token. Its Graph host is out of reach here:
# whoever uses it renews the token, and then fails.
rotating_remote() {
  cat <<EOF
[$1]
type = onedrive
token_url = http://127.0.0.1:$TOKEN_PORT/token
client_id = id
client_secret = secret
token = {"access_token":"old","token_type":"Bearer","refresh_token":"refresh-0","expiry":"2020-01-01T00:00:00Z"}
drive_id = d
drive_type = personal
EOF
}
# What $CONF holds, and what the endpoint gave out, by number.
without_token() { sed 's/^token = .*/token = …/' "$CONF"; }
held() { sed -n 's/.*"refresh_token":"refresh-\([0-9]*\)".*/\1/p' "$CONF"; }
rotations() { grep -cE '^(rotated|repeated) ' "$TOKEN_LOG"; }
saved() { sed -n 's/^saved //p' "$TOKEN_LOG" | tail -n 1; }
latest() { [ "$(held)" = "$(rotations)" ]; }
token_is_newest() { local at_least; at_least=$(saved); [ "$(held)" -ge "${at_least:-0}" ]; }
not_locked_out() { ! grep -q refused "$TOKEN_LOG"; }

# start_ssh [ACCOUNT…]: sshd on loopback; ssh_gate and client go through it.
start_ssh() {
  SSH_PORT=$(free_port)
  start_sshd "$ROOT/sshd" "$SSH_PORT" "${@:-backup_ops}"
  printf '[127.0.0.1]:%s %s\n' "$SSH_PORT" "$(cut -d' ' -f1,2 "$ROOT/sshd/host_key.pub")" >"$ROOT/known_hosts"
  # The scheduler: an account without rights, as in its container.
  getent passwd scheduler >/dev/null || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin scheduler
  install -d -o scheduler -m 700 "$ROOT/scheduler"
  install -o scheduler -m 600 "$ROOT/key" "$ROOT/scheduler/key"
  install -o scheduler -m 644 "$ROOT/known_hosts" "$ROOT/scheduler/known_hosts"
  chmod 711 "$ROOT"
}
as_scheduler() { setpriv --reuid=scheduler --regid=scheduler --clear-groups --no-new-privs env -i PATH=/usr/bin:/bin HOME=/nonexistent "$@"; }

# gate REQUEST: the gate itself, without ssh and sudo.  ssh_gate REQUEST: these bytes through sshd and sudo.
gate() { env -i PATH=/usr/bin:/bin SSH_ORIGINAL_COMMAND="$1" $GATE --ssh-gate; }
ssh_gate() {
  as_scheduler ssh -T -p "$SSH_PORT" -i "$ROOT/scheduler/key" -o IdentitiesOnly=yes -o BatchMode=yes \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$ROOT/scheduler/known_hosts" "${SSH_ACCOUNT:-backup_ops}@127.0.0.1" "$1"
}
# client [NAME=VALUE…] OPTION…: backup-client as the scheduler runs it.
client() {
  local settings=()
  while [[ ${1:-} =~ ^[A-Z_]+= ]]; do settings+=("$1"); shift; done
  as_scheduler BACKUP_HOST="backup_ops@127.0.0.1:$SSH_PORT" BACKUP_SSH_KEY="$ROOT/scheduler/key" \
    BACKUP_KNOWN_HOSTS="$ROOT/scheduler/known_hosts" "${settings[@]}" $CLIENT "$@"
}

# fingerprint DIR…: names, kinds, modes, owners, sizes, times and contents; two equal ones mean nothing was touched.
fingerprint() {
  local dir
  for dir in "$@"; do
    [ -e "$dir" ] || { echo "$dir: absent"; continue; }
    find "$dir" ${FINGERPRINT_SKIP:+-path "$FINGERPRINT_SKIP" -prune -o} -printf '%p %y %m %U:%G %s %T@ %l\n' | sort
    find "$dir" ${FINGERPRINT_SKIP:+-path "$FINGERPRINT_SKIP" -prune -o} -type f -print0 | sort -z | xargs -0 -r sha256sum
  done
}
