#pragma once

#include <functional>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::vault {

/// Opens a directory that is root's alone (0700), creating it if it is missing and its parent exists (X4, X7).
/// Error: Exit::io_error, or Exit::bad_config when it belongs to somebody else or others may enter it.
Result<UniqueFd> open_private_dir(const std::string& path);

/// Takes the exclusive flock(2) on `name` in the locks directory without waiting (S4): a 0600 file, never unlinked; its inode
/// is compared again after locking. @return an empty descriptor when somebody else holds it.
Result<UniqueFd> try_lock(int locks_dir, const std::string& name);

/// Empties and removes a directory that a child could write, after its last process has ended: the contents of ordinary
/// files are overwritten first (as far as that reaches: rclone's own renames left older blocks), links are not followed (X4).
Result<> wipe_directory(const std::string& path);

}  // namespace backupctl::vault
