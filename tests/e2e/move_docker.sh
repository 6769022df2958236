#!/bin/bash
# A stack moves to another host, real docker (move.inc.sh): two engines are two hosts.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
. "$E2E_SOURCE/tests/e2e/volumes.inc.sh"
. "$E2E_SOURCE/tests/e2e/move.inc.sh"
private_run
on_clean() { stop_b; stop_docker; }
up_script() {
  printf '#!/bin/sh\nexec /usr/bin/docker-compose -p lightrag -f %s up -d\n' "$ROOT/stack/docker-compose.yml" >"$ROOT/stack/up"
  chmod 755 "$ROOT/stack/up"
}
stack_up() { host env -u DOCKER_HOST docker-compose -p lightrag -f "$ROOT/stack/docker-compose.yml" up -d >"$out" 2>&1; }
e2e_install
HEALTH_PORT=$(free_port)
start_docker "$ROOT/docker"
import_docker_image
move docker
e2e_end
