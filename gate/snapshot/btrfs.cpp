#include "gate/snapshot/btrfs.h"

#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <cerrno>
#include <cstring>

namespace backupctl::snapshot {

bool is_subvolume(int dir) {
  struct stat st {};
  struct statfs fs {};
  return ::fstat(dir, &st) == 0 && ::fstatfs(dir, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC &&
         st.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

Result<> make_btrfs(int subvolume, int parent, const char* name) {
  btrfs_ioctl_vol_args_v2 args{};
  args.fd = subvolume;
  args.flags = BTRFS_SUBVOL_RDONLY;
  std::strncpy(args.name, name, sizeof args.name - 1);
  if (::ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) == 0) return {};
  return fail_errno(Exit::io_error, errno, "btrfs could not make the snapshot");
}

Result<> remove_btrfs(int parent, const char* name) {
  btrfs_ioctl_vol_args args{};
  std::strncpy(args.name, name, sizeof args.name - 1);
  if (::ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::io_error, errno, "btrfs could not remove the snapshot before");
}

}  // namespace backupctl::snapshot
