#!/bin/bash
# Stacks made by compose, stopped and started through the engine: real docker with docker-compose, real podman with
# podman-compose. In order, only what ran (S2), never killed, and started again whatever happens (S1).
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
private_run
on_clean() { stop_docker; }
start_docker "$ROOT/docker"
import_docker_image
e2e_install

STACK=$ROOT/stack; mkdir -p "$STACK" "$ROOT"/{app,db}
service() { cat <<EOF
    image: $1
    network_mode: $2
    volumes: ["$ROOT/$3:/data"]
    command: ["sh", "-c", 'trap "cat /proc/uptime >/data/stopped; exit 0" TERM; cat /proc/uptime >/data/started; while :; do echo alive >/data/heartbeat; sleep 1 & wait \$\$!; done']
EOF
}
compose_file() {
  cat <<EOF
version: "2.4"
services:
  app:
    restart: always
$(service "$1" none app)
  db:
$(service "$1" none db)
  proxy:
    image: $1
    network_mode: none
    command: ["sleep", "100000"]
    stop_signal: SIGKILL
EOF
}
policy() {
  write_policy - <<EOF
[controller.stack]
kind = "compose"
engine = "$1"
project = "stack"
services = ["app", "db"]
grace = "${2:-5s}"
[service.stack]
controller = "stack"
path = "$ROOT/db"
remotes = ["disk"]
consistency = "cold"
EOF
}
before() { awk '{ time[NR] = $1 } END { exit !(NR == 2 && time[1] < time[2]) }' "$1" "$2"; }
status() { $engine inspect -f '{{.State.Status}}' "$1" 2>/dev/null; }
is() { [ "$(status "$1")" = "$2" ]; }

# both ENGINE APP DB PROXY: the names that its compose gives.
both() {
  local app=$2 db=$3 proxy=$4
  engine=$1
  policy "$engine"
  check "$engine: status" gate 'backupctl --status stack'
  check_says "… names what runs" "$app"
  check "… stop" gate 'backupctl --stop stack'
  check "… stops the named services" eval "is $app exited && is $db exited"
  check "… in the policy's order" before "$ROOT/app/stopped" "$ROOT/db/stopped"
  check "… and no others" is "$proxy" running
  check "a cold archive" gate 'backupctl --archive stack'
  rm -f "$ROOT"/{app,db}/started
  check "… start" gate 'backupctl --start stack'
  check "… both run" eval "is $app running && is $db running"
  check "… in reverse order" wait_for 10 before "$ROOT/db/started" "$ROOT/app/started"

  $engine stop -t 5 "$db" >/dev/null
  check "$engine: one of two was stopped before: a stop" gate 'backupctl --stop stack'
  check "… start" gate 'backupctl --start stack'
  check "… starts what ran, and only that (S2)" eval "is $app running && is $db exited"
  $engine start "$db" >/dev/null

  check "$engine: a stop, and the host starts it again without policy" gate 'backupctl --stop stack'
  echo 'broken' >"$POLICY"
  rm -rf "$STATE/guardians"
  check "… from the lease alone" gate 'backupctl --start stack'
  check "… both run" eval "is $app running && is $db running"
  policy "$engine"

  $engine pause "$db" >/dev/null 2>&1 && {
    check_exit 69 "$engine: a paused one is neither stopped nor started" gate 'backupctl --stop stack'
    check_says "… and named" "$db (paused)"
    $engine unpause "$db" >/dev/null
  }
  sed -i 's/project = "stack"/project = "nothing"/' "$POLICY"
  check_exit 69 "$engine: a project without containers: 69" gate 'backupctl --stop stack'
  check_says "… one line that names it" "service app of project nothing does not exist, so nothing was stopped"
  policy "$engine"
  check "the service runs" is "$app" running
}

compose_file $DOCKER_IMAGE >"$STACK/docker-compose.yml"
DOCKER_HOST=unix:///run/docker.sock docker-compose -p stack -f "$STACK/docker-compose.yml" up -d >"$out" 2>&1 || { fail "docker-compose up"; _indent "$out"; e2e_end; }
both docker stack_app_1 stack_db_1 stack_proxy_1

# One that needs longer than its grace: not killed, and not forgotten.
docker rm -f stack_db_1 >/dev/null
docker run -d --name stack_db_1 --network none --label com.docker.compose.project=stack --label com.docker.compose.service=db \
  -v "$ROOT/db:/data" $DOCKER_IMAGE sh -c 'trap "sleep 8; exit 0" TERM; while :; do sleep 1 & wait $!; done' >/dev/null
policy docker 2s
check_exit 69 "docker: one that does not stop in its grace: 69" gate 'backupctl --stop stack'
check_says "… it was not killed" "was not killed"
sleep 9     # until it has ended
check "… in the end both run, though it was on its way down (S1)" wait_for 40 eval 'is stack_app_1 running && is stack_db_1 running && ! test -e $STATE/leases/stack'
check "… and it ended by itself" test "$(docker inspect -f '{{.State.ExitCode}}' stack_db_1)" = 0

# Docker is not there.
policy docker
end_pid "$DOCKER_DIR/pid"
check_exit 69 "docker does not run: 69" gate 'backupctl --stop stack'
check_says "… one clear line" "Cannot connect to the Docker daemon"

compose_file $IMAGE >"$STACK/docker-compose.yml"
podman image exists $IMAGE 2>/dev/null || import_busybox_image $IMAGE
rm -rf "$ROOT"/{app,db}/* "$ROOT/disk/stack"
podman_compose_up "$STACK" stack
wait_for 10 test -s "$ROOT/app/heartbeat" || { fail "podman-compose up"; _indent "$out"; e2e_end; }
both podman stack_app_1 stack_db_1 stack_proxy_1
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
