#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/sandbox/layers.h"

namespace backupctl::sandbox {
namespace {

/// Where the new root is mounted for a moment; any directory that every Linux has would do.
constexpr const char* stepping_stone = "/proc";

/// Makes the directories above `target` and the mount point itself; gives an O_PATH descriptor of the latter.
Result<UniqueFd> make_mount_point(int root, const Bind& bind) {
  UniqueFd at(::fcntl(root, F_DUPFD_CLOEXEC, 0));
  std::size_t begin = 1;
  for (;;) {
    const std::size_t end = bind.target.find('/', begin);
    const bool last = end == std::string::npos;
    const std::string part = bind.target.substr(begin, last ? end : end - begin);
    const bool file = last && !bind.directory;
    const int made = file ? ::mknodat(at.get(), part.c_str(), S_IFREG | 0444, 0) : ::mkdirat(at.get(), part.c_str(), 0755);
    // Over a file of a tree that is bound already; whose owner may take it away at any moment.
    if (made != 0 && errno == EROFS) return fail(Exit::unavailable, "{} is not in the tree any more; try again", bind.target);
    if (made != 0 && errno != EEXIST) return fail_errno(Exit::bug, errno, "cannot make {} in a private root", bind.target);
    UniqueFd next = open_beneath(at.get(), part, O_PATH);
    if (!next) return fail_errno(Exit::bug, errno, "cannot open {} in a private root", bind.target);
    if (last) return next;
    at = std::move(next);
    begin = end + 1;
  }
}

}  // namespace

Result<> enter_root(const Cage& cage) {
  const auto failed = [](const char* what) { return fail_errno(Exit::bug, errno, "cannot {} for a private root", what); };
  if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("make mounts private");
  if (::mount("backupctl", stepping_stone, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=0755") != 0)
    return failed("mount a tmpfs");
  UniqueFd root(::open(stepping_stone, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed("open the new root");
  for (const Bind& bind : cage.binds) {
    auto point = make_mount_point(root.get(), bind);
    if (!point) return pass(point.error());
    if (::move_mount(bind.fd, "", point->get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
      return fail_errno(Exit::bug, errno, "cannot mount {} in a private root", bind.target);
    ::close(bind.fd);
  }
  // pivot_root(".", ".") stacks the old root on the new one, from where it is unmounted (pivot_root(2), NOTES).
  if (::fchdir(root.get()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::chdir("/") != 0)
    return failed("pivot");
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attr, sizeof attr) != 0) return failed("make the root read-only");
  return {};
}

}  // namespace backupctl::sandbox
