# Installs a server of the tests from its lock file, which says of every package what it must hold and names no place to get it
# from: azurite is Azure's own emulator of its storage, s3rver speaks S3. Without the network where it is there.
#   npm_server.sh azurite|s3rver DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)/${1:?a server} dir=${2:?a directory}
if ! cmp -s "$here/package-lock.json" "$dir/installed-lock.json"; then
  mkdir -p "$dir"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$dir/"
  # node has a list of its own and asks the system's only when told.
  (cd "$dir" && NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm ci --omit=dev --no-audit --no-fund --ignore-scripts --loglevel=error)
  cp "$here/package-lock.json" "$dir/installed-lock.json"
fi
