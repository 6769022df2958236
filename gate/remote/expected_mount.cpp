#include "gate/remote/expected_mount.h"

#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>

namespace backupctl::remote {
namespace {

struct Close {
  void operator()(FILE* table) const { ::endmntent(table); }
};

/// What the kernel cannot say (before Linux 5.8, statx(2)) and what is not there counts as mounted: neither is for here.
bool is_mounted(const std::string& point) {
  struct statx found {};
  if (::statx(AT_FDCWD, point.c_str(), AT_SYMLINK_NOFOLLOW, 0, &found) != 0) return true;
  return (found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 || (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

std::string missing_mount(const std::string& directory, const char* table) {
  const std::unique_ptr<FILE, Close> entries(::setmntent(table, "re"));
  while (const mntent* entry = entries ? ::getmntent(entries.get()) : nullptr) {
    std::string point = entry->mnt_dir;
    while (point.size() > 1 && point.back() == '/') point.pop_back();
    const bool on_the_way = directory == point || directory.starts_with(point + "/");
    if (point.starts_with('/') && on_the_way && !is_mounted(point)) return point;
  }
  return {};
}

}  // namespace backupctl::remote
