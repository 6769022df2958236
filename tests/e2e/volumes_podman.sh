#!/bin/bash
# Snapshots of volumes, real podman with podman-compose (volumes.inc.sh).
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
. "$E2E_SOURCE/tests/e2e/volumes.inc.sh"
private_run
e2e_install
HEALTH_PORT=$(free_port)
start_hostile
podman image exists $IMAGE 2>/dev/null || import_busybox_image $IMAGE
whole podman
check "the journal verifies (X9)" $GATE --verify-journal
e2e_end
