#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/source/exclude.h"

namespace backupctl::step {

/// The root of a service's or target's tree, opened without following any link (X5).
/// Errors: Exit::bad_config, it does not exist or is no directory; Exit::bad_data, it is empty (D3: an unmounted disk or a
/// vanished source must not empty a mirror or make an empty archive).
/// @param may_be_empty  for what may well hold nothing
Result<UniqueFd> open_tree_root(const std::string& path, bool may_be_empty = false);

/// Whether the opened directory holds nothing (a file system's own lost+found aside).
bool is_empty_directory(int fd);

/// Whether a file is left out, or a directory above it. @param file  relative to the tree
bool is_left_out(const archive::Excludes& excludes, std::string_view file);

/// Mount points beneath the tree, from /proc/self/mountinfo (proc(5)): they are not part of what is read, since the private
/// mount of a tree is not recursive, so a backup without them must say so (D2).
std::vector<std::string> mounts_beneath(const std::string& path);
/// Of them those that the policy's patterns do not leave out.
std::vector<std::string> missed_mounts(const std::string& path, const std::vector<std::string>& exclude);

}  // namespace backupctl::step
