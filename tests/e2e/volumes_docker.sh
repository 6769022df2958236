#!/bin/bash
# Snapshots of volumes, real docker with docker-compose (volumes.inc.sh).
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
. "$E2E_SOURCE/tests/e2e/volumes.inc.sh"
private_run
on_clean() { stop_docker; }
e2e_install
HEALTH_PORT=$(free_port)
start_hostile
start_docker "$ROOT/docker"
import_docker_image
whole docker
end_pid "$DOCKER_DIR/pid"
check_exit 69 "docker does not run: 69" gate 'backupctl --backup lightrag'
check_says "… one clear line" "Cannot connect to the Docker daemon"
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
