#!/bin/bash
# A stack of four Docker volumes to Azure Blob, side by side in one run: the procedure that people have today (stop; tar czf each
# volume through a container; start; shasum; copy; upload) and one `backupctl --backup`. Real docker, docker-compose and Azurite. It
# prints; it never fails on a figure.
#   sudo ./tests/bench/volumes.sh [MEGABYTES in all, default 1000] [ROUNDS, default 3] [BUILD in E2E_BUILD]
. "$(dirname "$0")/../e2e/lib.sh"
e2e_begin "$@"
. "$E2E_SOURCE/tests/e2e/engines.sh"
size=${1:-1000} rounds=${2:-3}
private_run
on_clean() { stop_docker; }
e2e_install
HEALTH_PORT=$(free_port) ENGINE=docker
start_docker "$ROOT/docker"
import_docker_image
# The same image with GNU tar and gzip: faster than busybox's, which alpine has.
import_gnu_image() {
  local root file
  root=$(mktemp -d)
  for file in /bin/tar /bin/gzip /bin/sh $(ldd /bin/tar /bin/gzip /bin/sh | grep -o '/[^ ]*' | grep -v ':$' | sort -u); do
    install -D "$(readlink -f "$file")" "$root$file"
  done
  tar -C "$root" -cf - . | docker import - gnu:1 >/dev/null
  rm -rf "$root"
}
import_gnu_image
start_azurite
start_stack
"$E2E_SOURCE/tests/bench/make_tree.sh" "$ROOT/tree" $((size / 4)) >/dev/null
for volume in "${VOLUMES[@]}"; do cp -a "$ROOT/tree/." "$(mountpoint_of "$volume")/"; done
rm -rf "$ROOT/tree"
stack_policy '"azure"' 'keep_snapshots = { azure = 8, local = 1 }'
sync

now() { date +%s.%N; }
took() { echo "$(now) $1" | awk '{ printf "%.2f", $1 - $2 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", v[int((NR + 1) / 2)] }'; }
# 1 % of the files change between two nights.
change() {
  local volume
  for volume in "${VOLUMES[@]}"; do
    find "$(mountpoint_of "$volume")" -type f -name '*.md' | sort | awk 'NR % 100 == 0' | while read -r each; do date >>"$each"; done
  done
}
# procedure IMAGE: downtime and total time of today's way, in seconds.
procedure() {
  local began stopped volume folder=$ROOT/today/$(date +%Y%m%d-%H%M%S) down
  mkdir -p "$folder/out" "$folder/copy"
  began=$(now)
  docker stop -t 30 lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null
  for volume in "${VOLUMES[@]}"; do
    docker run --rm --network none -v "$volume:/data:ro" -v "$folder/out:/backup" "$1" tar czf "/backup/$volume.tar.gz" -C /data .
  done
  docker start lightrag_neo4j_1 lightrag_lightrag_1 >/dev/null
  down=$(took "$began")
  (cd "$folder/out" && shasum -a 256 ./*.tar.gz >MANIFEST.sha256)
  cp "$folder/out"/* "$folder/copy/" && (cd "$folder/copy" && shasum -a 256 -c MANIFEST.sha256 >/dev/null)
  RCLONE_AZUREBLOB_ACCESS_TIER=Cool azure copy "$folder/copy" "azure:lightrag-backup/today/${folder##*/}"
  echo "$down $(took "$began")"
  rm -rf "$ROOT/today"
}
gate_backup() {
  local began
  began=$(now)
  $GATE --backup lightrag >"$out" 2>&1 || { echo "--backup failed"; cat "$out"; } >&2
  echo "$(sed -n 's/.*downtime \([0-9.]*\) s.*/\1/p' "$out" | tail -n 1) $(took "$began")"
}
own() { # the service's own stop and start, with the same commands
  local began
  began=$(now)
  docker stop -t 30 lightrag_lightrag_1 lightrag_neo4j_1 >/dev/null; docker start lightrag_neo4j_1 lightrag_lightrag_1 >/dev/null
  took "$began"; echo
}

echo "Machine: $(nproc) processors, $(uname -mr); 4 volumes, $size MB, 1 % of the files changed between nights, medians of $rounds nights"
first=$(gate_backup)
for ((round = 0; round < rounds; round++)); do
  for kind in busybox gnu gate zst; do
    sleep 2; change
    case $kind in
      busybox) procedure $DOCKER_IMAGE ;;
      gnu) procedure gnu:1 ;;
      gate) gate_backup ;;
      zst) sed -i 's/^keep_snapshots/format = "tar.zst"\n&/' "$POLICY"; gate_backup; sed -i '/^format = /d' "$POLICY" ;;
    esac >>"$ROOT/$kind"
  done
  own >>"$ROOT/own"
done
own=$(median <"$ROOT/own")
figure() { awk -v n="$2" '{ print $n }' "$ROOT/$1" | median; }
printf '  %-44s %9s s %9s s\n' "" downtime total
printf '  %-44s %9s s %9s s\n' "tar through a container (busybox, alpine's)" "$(figure busybox 1)" "$(figure busybox 2)"
printf '  %-44s %9s s %9s s\n' "tar through a container (GNU)" "$(figure gnu 1)" "$(figure gnu 2)"
# shellcheck disable=SC2086  # two words
printf '  %-44s %9s s %9s s\n' "backupctl --backup, the first night" $first
printf '  %-44s %9s s %9s s\n' "backupctl --backup" "$(figure gate 1)" "$(figure gate 2)"
printf '  %-44s %9s s %9s s\n' "backupctl --backup, format tar.zst" "$(figure zst 1)" "$(figure zst 2)"
printf '  %-44s %9s s\n' "(the stack's own stop and start)" "$own"
for ours in gate zst; do
  for kind in busybox gnu; do
    echo "$(figure $ours 1) $(figure $kind 1) $(figure $ours 2) $(figure $kind 2)" |
      awk -v ours=$ours -v kind=$kind '{ printf "  %s to %-8s downtime 1/%.1f (target 1/10 or less), total 1/%.1f (target 1/3 or less)\n", ours, kind ":", $2 / $1, $4 / $3 }'
  done
done
e2e_end >/dev/null
