#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::sandbox {

/// The uids of the trees' files (0 to tree_ids - 1) appear in the host's terms as tree_base upwards, a range that no account
/// and no container runtime hands out (it lies above systemd's container range, which ends at 0x6FFFFFFF; systemd,
/// UIDS-GIDS.md). Capabilities of a role's user namespace reach these uids and no others.
inline constexpr std::uint32_t tree_base = 0x70000000;
inline constexpr std::uint32_t tree_ids = 0x6FFF0000;
/// What a worker calls itself inside its user namespace.
inline constexpr std::uint32_t worker_inside = 0x6FFFFFFF;

/// One line of a uid_map and gid_map (user_namespaces(7)).
struct IdRange {
  std::uint32_t inside, outside, count;
};

/// Makes a user namespace with these mappings that no process lives in; kept alive by the descriptor.
Result<UniqueFd> make_user_namespace(const std::vector<IdRange>& ranges);

/// The namespace a role with tree access joins: the trees' uids shifted to tree_base, and the worker itself.
Result<UniqueFd> worker_namespace(uid_t worker);
/// The mapping under which files that `worker` makes belong to root on the disk (directory remotes).
Result<UniqueFd> root_owned_namespace(uid_t worker);

/// How a tree is shown to a role.
struct MountOptions {
  bool writable = false;
  bool executable = false;
  bool devices = false;  ///< /dev/null alone
  bool follow_symlinks = false;
  int idmap = -1;  ///< user namespace to map owners through; -1: as they are
};

/// A detached copy of what `fd` is open on: not recursive (nothing mounted beneath comes along), with no set-uid, no devices,
/// no execution, no symbolic links followed unless asked for (mount_setattr(2)). Error Exit::unavailable with "idmapped" in the
/// sentence where the file system cannot map owners.
Result<UniqueFd> detach(int fd, const std::string& what, const MountOptions& options);

/// Whether the file system that `fd` lies on takes idmapped mounts.
bool can_idmap(int fd);

}  // namespace backupctl::sandbox
