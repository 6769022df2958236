#include "gate/remote/expected_mount.h"

#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <memory>

namespace backupctl::remote {
namespace {

struct Close {
  void operator()(FILE* table) const { ::endmntent(table); }
};

/// What the kernel cannot say (before Linux 5.8, statx(2)) and what is not there counts as mounted: neither is for here.
bool is_mounted(const std::string& point) {
  struct statx found {};
  if (::statx(AT_FDCWD, point.c_str(), 0, 0, &found) != 0) return true;
  return (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 || (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

std::string normal(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool is_within(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory == "/" ? directory : directory + "/");
}

std::string missing_mount(const std::string& directory, const char* table) {
  const std::unique_ptr<FILE, Close> entries(::setmntent(table, "re"));
  while (const mntent* entry = entries ? ::getmntent(entries.get()) : nullptr) {
    const std::string point = normal(entry->mnt_dir);
    const bool concerned = is_within(directory, point) || is_within(point, directory);
    if (point.starts_with('/') && concerned && !is_mounted(point)) return point;
  }
  return {};
}

}  // namespace backupctl::remote
