#include "gate/sandbox/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/io.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000  // linux/mount.h since 5.14
#endif

namespace backupctl::sandbox {
namespace {

bool write_map(pid_t pid, const char* file, const std::string& lines) {
  UniqueFd fd(::open(fmt::format("/proc/{}/{}", pid, file).c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), lines.data(), lines.size()) == static_cast<ssize_t>(lines.size());
}

}  // namespace

Result<UniqueFd> make_user_namespace(const std::vector<IdRange>& ranges) {
  std::string lines;
  for (const IdRange& range : ranges) lines += fmt::format("{} {} {}\n", range.inside, range.outside, range.count);
  // A process is needed to make a namespace; a descriptor is enough to keep it.
  const pid_t pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) return fail_errno(Exit::unavailable, errno, "cannot make a user namespace");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  UniqueFd fd;
  int code = 0;
  if (write_map(pid, "uid_map", lines) && write_map(pid, "gid_map", lines))
    fd.reset(::open(fmt::format("/proc/{}/ns/user", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) code = errno;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!fd) return fail_errno(Exit::unavailable, code, "cannot map users into a user namespace");
  return fd;
}

Result<UniqueFd> worker_namespace(uid_t worker) {
  return make_user_namespace({{0, tree_base, tree_ids}, {worker_inside, worker, 1}});
}

Result<UniqueFd> root_owned_namespace(uid_t worker) { return make_user_namespace({{0, worker, 1}}); }

Result<UniqueFd> detach(int fd, const std::string& what, const MountOptions& options) {
  UniqueFd tree(static_cast<int>(::syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return fail_errno(Exit::unavailable, errno, "cannot make a private mount of {}", what);
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME;
  attr.attr_clr = MOUNT_ATTR__ATIME;
  if (!options.writable) attr.attr_set |= MOUNT_ATTR_RDONLY;
  if (!options.executable) attr.attr_set |= MOUNT_ATTR_NOEXEC;
  if (!options.devices) attr.attr_set |= MOUNT_ATTR_NODEV;
  if (!options.follow_symlinks) attr.attr_set |= MOUNT_ATTR_NOSYMFOLLOW;
  if (options.idmap >= 0) {
    attr.attr_set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<std::uint64_t>(options.idmap);
  }
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
    return fail_errno(Exit::unavailable, errno, "cannot make a private {}mount of {}", options.idmap >= 0 ? "idmapped " : "",
                      what);
  return tree;
}

bool can_idmap(int fd) {
  auto ns = root_owned_namespace(tree_base);
  return ns && detach(fd, "", {.idmap = ns->get()}).has_value();
}

}  // namespace backupctl::sandbox
