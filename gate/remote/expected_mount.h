#pragma once

#include <string>

namespace backupctl::remote {

/// An absolute path without "//", "." and a slash at its end.
std::string normal(const std::string& path);
/// Whether `path` is `directory` or lies beneath it; both normal.
bool is_within(const std::string& path, const std::string& directory);

/// A mount point that fstab(5) names on the way to `directory`, there, or beneath, at which nothing is mounted now: what is
/// written to `directory` would fill the disk beneath, and would not be found when the right one is back (D1).
/// @param directory  normal; what is mounted on demand on the way was opened before
/// @param table  fstab, of root's alone
/// @return the mount point; empty: there is none, or no table
std::string missing_mount(const std::string& directory, const char* table = "/etc/fstab");

}  // namespace backupctl::remote
