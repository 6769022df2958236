#include "gate/step/remote_directory.h"

#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/remote/expected_mount.h"
#include "gate/step/tree.h"

namespace backupctl::step {

Result<UniqueFd> open_remote_directory(const policy::Remote& remote) {
  auto directory = open_trusted(remote.directory);
  if (!directory && ::access(remote.directory.c_str(), F_OK) != 0 && errno == ENOENT)
    return fail(Exit::bad_config, "the remote {}: {} is not there; is the disk mounted?", remote.name, remote.directory);
  if (!directory) return directory;
  const std::string root = remote::normal(remote.directory + "/" + remote.root);
  if (const std::string point = remote::missing_mount(root); !point.empty())
    return fail(Exit::unavailable, "the remote {}: {} is in /etc/fstab, and nothing is mounted there", remote.name, point);
  for (const std::string& point : mounts_beneath(remote::normal(remote.directory)))
    if (remote::is_within(root, point) || remote::is_within(point, root))
      return fail(
          Exit::bad_config,
          "the remote {}: another disk is mounted at {}, beneath its directory {}: let directory be a path on that disk",
          remote.name, point, remote.directory);
  return directory;
}

}  // namespace backupctl::step
