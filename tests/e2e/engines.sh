# Container engines besides podman, which world.sh has; sourced by the tests that need them, after e2e_begin.

DOCKER_IMAGE=backupctl-e2e:1

# private_run: /run of this test's own, so that an engine's socket can lie where everybody looks for it.
private_run() {
  mount -t tmpfs -o mode=755 none /run
  mkdir -p /run/{sshd,systemd,lock,user}
}

# start_docker DIR: a Docker engine of our own, with images and volumes in DIR/data, at the usual socket of this mount namespace.
# Without networks of its own: containers have none, or the host's.
start_docker() {
  mkdir -p "$1"
  setsid dockerd --iptables=false --ip6tables=false --bridge=none --userland-proxy=false --default-ulimit nofile=1024:1024 \
    --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --host unix:///run/docker.sock </dev/null >>"$1/log" 2>&1 &
  disown
  DOCKER_DIR=$1
  wait_for 60 docker version || { fail "dockerd"; tail -n 20 "$1/log" | sed 's/^/#   /'; e2e_end; }
}
# With its containers' shims, which have mounts of their own.
stop_docker() {
  local each
  for each in $(docker ps -aq 2>/dev/null); do docker rm -f "$each" >/dev/null 2>&1; done
  end_pid "$DOCKER_DIR/pid"
  for each in $(awk -v dir="$DOCKER_DIR/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r); do umount -l "$each"; done
}
docker() { /usr/bin/docker -H unix:///run/docker.sock "$@"; }

# import_docker_image: busybox alone, with the programs that the tests' services are made of.
import_docker_image() {
  local root applet
  root=$(mktemp -d)
  mkdir -p "$root"/{bin,data,tmp}
  cp /bin/busybox "$root/bin/busybox"
  for applet in sh cat date echo httpd mkdir sleep wc ls rm tar gzip find; do ln -s busybox "$root/bin/$applet"; done
  tar -C "$root" -cf - . | docker import - $DOCKER_IMAGE >/dev/null
  rm -rf "$root"
}
