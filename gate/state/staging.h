#pragma once

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::state {

/// A folder of a service's staging directory (policy.md, `staging`): what must lie on the file system of the service's tree,
/// "snapshot" and "restore". The directory above may be writable by others, so everything is opened without links and checked
/// on the descriptor: root's alone (X5, X7). What is missing is made, 0700: the folder, the staging directory, the one above.
/// @param staging  absolute and canonical, from the policy
/// @return the folder. Error: Exit::bad_config, it is somebody else's; Exit::io_error, it cannot be made.
Result<UniqueFd> open_staging(const std::string& staging, const std::string& folder);

/// Whether an open directory is root's, and nobody else's.
bool is_private(int dir);

/// The same for one folder `name` of the opened directory `parent`. @param path  of the folder, for errors.
Result<UniqueFd> open_private_folder(int parent, const std::string& name, const std::string& path);

}  // namespace backupctl::state
