#!/bin/bash
# A stack moves to another host, real podman (move.inc.sh): two container storages are two hosts.
. "$(dirname "$0")/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
. "$E2E_SOURCE/tests/e2e/volumes.inc.sh"
. "$E2E_SOURCE/tests/e2e/move.inc.sh"
private_run
on_clean() { stop_b; }
import_image_b() { /usr/bin/podman save $IMAGE 2>/dev/null | podman load >/dev/null; }
up_script() {
  cat >"$ROOT/stack/up" <<EOF
#!/bin/sh
cd $ROOT/stack
exec podman-compose -p lightrag --podman-path $ROOT/stack/podman --podman-run-args="$(podman_flags $IMAGE | sed 's/--network=none//')" up -d
EOF
  chmod 755 "$ROOT/stack/up"
}
stack_up() {
  if [ $HOST = a ]; then podman_compose_up "$ROOT/stack" lightrag; else up_script; host "$ROOT/stack/up" >"$out" 2>&1; fi
}
e2e_install
HEALTH_PORT=$(free_port)
podman image exists $IMAGE 2>/dev/null || import_busybox_image $IMAGE
move podman
e2e_end
