#pragma once

#include <string_view>

namespace backupctl::policy {

/// The folder at the top of a tree that is a mount point which a restore in place uses for its staging directory: a file
/// changes its name within one mount alone, and all of that mount lies beneath the tree. Always excluded: no backup holds it.
inline constexpr std::string_view in_tree_staging = ".backupctl-restore";

}  // namespace backupctl::policy
