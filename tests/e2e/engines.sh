# Container engines besides podman, which world.sh has; sourced by the tests that need them, after e2e_begin.

DOCKER_IMAGE=backupctl-e2e:1

# private_run: /run of this test's own, so that an engine's socket can lie where everybody looks for it.
private_run() {
  mount -t tmpfs -o mode=755 none /run
  mkdir -p /run/{sshd,systemd,lock,user}
}

# start_docker DIR [SOCKET]: a Docker engine of our own, with images and volumes in DIR/data, at the usual socket of this mount
# namespace. Without networks of its own: containers have none, or the host's.
start_docker() {
  mkdir -p "$1"
  DOCKER_SOCKET=${2:-/run/docker.sock}
  setsid dockerd --iptables=false --ip6tables=false --bridge=none --userland-proxy=false --default-ulimit nofile=1024:1024 \
    --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --host unix://$DOCKER_SOCKET </dev/null >>"$1/log" 2>&1 &
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
docker() { /usr/bin/docker -H unix://${DOCKER_SOCKET:-/run/docker.sock} "$@"; }

# The engine that a test is about: docker or podman.
engine() { if [ "$ENGINE" = docker ]; then docker "$@"; else podman "$@"; fi; }

# podman_compose_up DIR PROJECT: podman-compose gives every container a network, and this kind of machine may have none: its podman
# leaves that away.
podman_compose_up() {
  cat >"$1/podman" <<'EOF'
#!/bin/bash
args=()
while [ $# -gt 0 ]; do
  case $1 in --net|--network-alias) shift ;; *) args+=("$1") ;; esac
  shift
done
[ "${args[0]:-}" != network ] || exit 0
exec /usr/bin/podman "${args[@]}"
EOF
  chmod +x "$1/podman"
  (cd "$1" && podman-compose -p "$2" --podman-path "$1/podman" --podman-run-args="$(podman_flags $IMAGE | sed 's/--network=none//')" up -d) >"$out" 2>&1
}

# start_stack: the LightRAG of mission.md in small, made by the engine's own compose: two services, four volumes. `neo4j` adds an
# entity a tenth of a second, unless /kg/still exists; `lightrag` answers for its health on 127.0.0.1:$HEALTH_PORT.
VOLUMES=(lightrag-data lightrag-kg lightrag-cache lightrag-neo4j-data)
start_stack() {
  local each
  mkdir -p "$ROOT/stack"
  for each in "${VOLUMES[@]}"; do engine volume create "$each" >/dev/null; done
  stack_file >"$ROOT/stack/docker-compose.yml"
  stack_up
  wait_for 20 healthy && wait_for 20 test -s "$(mountpoint_of lightrag-kg)/entities" || { fail "the stack"; _indent "$out"; e2e_end; }
}
# stack_up: its containers, as the host's owner makes them.
stack_up() {
  if [ "$ENGINE" = docker ]; then
    DOCKER_HOST=unix://$DOCKER_SOCKET docker-compose -p lightrag -f "$ROOT/stack/docker-compose.yml" up -d >"$out" 2>&1
  else
    podman_compose_up "$ROOT/stack" lightrag
  fi
}
stack_file() {
  local each image=$DOCKER_IMAGE
  [ "$ENGINE" = docker ] || image=$IMAGE
  cat <<EOF
version: "2.4"
services:
  lightrag:
    image: $image
    network_mode: host
    volumes: ["lightrag-data:/data", "lightrag-cache:/cache"]
    command: ["sh", "-c", 'trap "exit 0" TERM; mkdir -p /tmp/www; echo "{\"status\":\"healthy\",\"pipeline_busy\":false}" >/tmp/www/health; httpd -p 127.0.0.1:$HEALTH_PORT -h /tmp/www; while :; do date >/data/heartbeat; sleep 1 & wait \$\$!; done']
  neo4j:
    image: $image
    network_mode: none
    volumes: ["lightrag-kg:/kg", "lightrag-neo4j-data:/neo4j"]
    command: ["sh", "-c", 'trap "exit 0" TERM; while :; do [ -e /kg/still ] || echo entity >>/kg/entities; sleep 0.1 & wait \$\$!; done']
volumes:
EOF
  for each in "${VOLUMES[@]}"; do printf '  %s:\n    external: true\n    name: %s\n' "$each" "$each"; done
}
healthy() { curl -fsS "http://127.0.0.1:$HEALTH_PORT/health" 2>/dev/null | grep -q healthy; }
mountpoint_of() { engine volume inspect --format '{{.Mountpoint}}' "$1"; }
stack_is() { [ "$(engine inspect -f '{{.State.Status}}' lightrag_lightrag_1 lightrag_neo4j_1 2>/dev/null | sort -u)" = "$1" ]; }

# stack_policy REMOTES [further lines of the service]: head, remotes, controller and service.
stack_policy() {
  write_policy - <<EOF
[remote.azure]
root = "lightrag-backup"
env_file = "/etc/backupctl/azure.env"
access_tier = "cool"
[controller.lightrag]
kind = "compose"
engine = "$ENGINE"
project = "lightrag"
services = ["lightrag", "neo4j"]
grace = "10s"
[service.lightrag]
controller = "lightrag"
volumes = [$(printf '"%s", ' "${VOLUMES[@]}")]
volume_engine = "$ENGINE"
remotes = [$1]
${2:-}
EOF
}

# start_azurite: Azurite as the Azure of an account of our own: https, the account's own host name, a key that is made here. Its
# certificate is trusted and its name leads to the loopback in this test's /etc alone.
AZURE_ACCOUNT=backupctle2e
start_azurite() {
  local dir=$ROOT/azurite name=$AZURE_ACCOUNT.blob.core.windows.net
  mkdir -p "$dir"
  if [ ! -e "$dir/key.pem" ]; then
    AZURE_ADDRESS=127.$((1 + $$ % 250)).$((1 + $$ / 250 % 250)).7
    AZURE_KEY=$(head -c 64 /dev/urandom | base64 -w0)
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
      -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
    cat "$dir/cert.pem" >>/etc/ssl/certs/ca-certificates.crt
    echo "$AZURE_ADDRESS $name" >>/etc/hosts
    (umask 077; printf 'export AZURE_STORAGE_ACCOUNT=%s\nAZURE_STORAGE_KEY="%s"\nAZURE_STORAGE_CONTAINER=lightrag-backup\n' \
      $AZURE_ACCOUNT "$AZURE_KEY" >/etc/backupctl/azure.env)
  fi
  AZURITE_ACCOUNTS="$AZURE_ACCOUNT:$AZURE_KEY" setsid node "$E2E_BUILD/azurite/node_modules/azurite/dist/src/blob/main.js" \
    --silent --skipApiVersionCheck --location "$dir" --blobHost "$AZURE_ADDRESS" --blobPort 443 \
    --cert "$dir/cert.pem" --key "$dir/key.pem" </dev/null >>"$dir/log" 2>&1 &
  echo $! >"$ROOT/pids/azurite"
  disown
  wait_for 30 azure lsd azure: || { fail "azurite"; _indent "$dir/log"; e2e_end; }
}
# azure RCLONE-WORDS…: what lies there, as its owner sees it.
azure() {
  RCLONE_CONFIG= RCLONE_CONFIG_AZURE_TYPE=azureblob RCLONE_CONFIG_AZURE_ACCOUNT=$AZURE_ACCOUNT RCLONE_CONFIG_AZURE_KEY=$AZURE_KEY \
    rclone --low-level-retries 1 --retries 1 "$@"
}

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
