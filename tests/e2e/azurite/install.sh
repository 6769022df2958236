#!/bin/bash
# Installs Azurite, Azure's own emulator of its storage, from the lock file beside this; without the network where it is there.
#   install.sh DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) dir=${1:?a directory}
if ! cmp -s "$here/package-lock.json" "$dir/installed-lock.json"; then
  mkdir -p "$dir"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$dir/"
  # node has a list of its own and asks the system's only when told.
  (cd "$dir" && NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm ci --omit=dev --no-audit --no-fund --ignore-scripts --loglevel=error)
  cp "$here/package-lock.json" "$dir/installed-lock.json"
fi
