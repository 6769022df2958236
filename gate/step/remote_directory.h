#pragma once

#include "common/result.h"
#include "common/unique_fd.h"
#include "policy/policy.h"

namespace backupctl::step {

/// The directory of a remote that is one, where what is written stays visible on the disk that was meant (D1): no disk that
/// belongs on the way to its root, or beneath, is missing (fstab(5)), and none is mounted there either, since the private mount
/// of a directory is of one file system alone.
/// @param remote  with `directory`. Error: Exit::bad_config, it is not there, not root's alone, or another disk is mounted
/// beneath it; Exit::unavailable, a disk is not mounted.
Result<UniqueFd> open_remote_directory(const policy::Remote& remote);

}  // namespace backupctl::step
