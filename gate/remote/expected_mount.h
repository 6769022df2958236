#pragma once

#include <string>

namespace backupctl::remote {

/// A mount point that fstab(5) names on the way to `directory`, or there, at which nothing is mounted now: what is written to
/// `directory` would fill the disk beneath, and would not be found when the right one is back (D1).
/// @param directory  absolute; opened before, which mounts what is mounted on demand
/// @param table  fstab, of root's alone
/// @return the mount point; empty: there is none, or no table
std::string missing_mount(const std::string& directory, const char* table = "/etc/fstab");

}  // namespace backupctl::remote
