#include "gate/restore/member_placer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "common/remove.h"
#include "gate/restore/apply_member.h"
#include "gate/restore/member_path.h"

namespace backupctl::archive {
namespace {

/// Tries to create, and again once what is there by this name is gone: a later member wins. 0, or errno.
template <class Create>
int create_over(int dir, const std::string& name, Create create) {
  if (create() == 0) return 0;
  if (errno != EEXIST) return errno;
  if (::unlinkat(dir, name.c_str(), 0) != 0 && ::unlinkat(dir, name.c_str(), AT_REMOVEDIR) != 0) return EEXIST;
  return create() == 0 ? 0 : errno;
}

Result<> made(int code, const Member& member) {
  if (code == 0) return {};
  return fail_errno(Exit::io_error, code, "{} cannot be restored", member.path);
}

}  // namespace

Result<> MemberPlacer::begin(const Member& member) {
  member_ = &member;
  file_.reset();
  const mode_t mode = member.st.st_mode;
  if (member.path.empty()) return {};  // the target itself keeps what it is
  if (S_ISDIR(mode) && member.hardlink.empty()) return tree_.make_directory(member);
  const auto dir = tree_.go_to(parent_of(member.path));
  if (!dir) return pass(dir.error());
  const std::string name(name_of(member.path));
  if (!member.hardlink.empty()) return hard_link(*dir, name, member);
  if (S_ISREG(mode)) return open_new(*dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (S_ISLNK(mode)) {
    auto done = made(create_over(*dir, name, [&] { return ::symlinkat(member.symlink.c_str(), *dir, name.c_str()); }), member);
    if (!done) return done;
    const AttributeSource link{-1, *dir, name.c_str()};
    apply_member(link, member, reporter_);
    apply_time(link, member, reporter_);
    return {};
  }
  if (S_ISFIFO(mode)) {
    auto done = made(create_over(*dir, name, [&] { return ::mkfifoat(*dir, name.c_str(), 0600); }), member);
    // Both directions: opening waits for nobody (fifo(7)).
    return done ? open_new(*dir, name, O_RDWR | O_NONBLOCK, 0) : done;
  }
  reporter_.not_read(NotRead::special, member.path, "a device or socket is not restored");
  return {};
}

Result<> MemberPlacer::open_new(int dir, const std::string& name, int flags, mode_t mode) {
  const int code = create_over(dir, name, [&] {
    file_ = open_beneath(dir, name, flags | O_NOFOLLOW, mode);
    return file_ ? 0 : -1;
  });
  return made(code, *member_);
}

Result<> MemberPlacer::hard_link(int dir, const std::string& name, const Member& member) {
  if (member.hardlink == member.path) return {};
  const auto from = tree_.open_directory(parent_of(member.hardlink));
  if (!from) return pass(from.error());
  const std::string other(name_of(member.hardlink));
  const int code = create_over(dir, name, [&] { return ::linkat(from->get(), other.c_str(), dir, name.c_str(), 0); });
  if (code == ENOENT)
    return fail(Exit::bad_data, "the archive is damaged: {} is a link to {}, which is not in it; choose another backup",
                member.path, member.hardlink);
  return made(code, member);
}

Result<> MemberPlacer::write(std::span<const char> bytes, std::int64_t offset) {
  while (file_ && !bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "{} cannot be written to the target", member_->path);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

Result<bool> MemberPlacer::share(int from) {
  if (::ioctl(file_.get(), FICLONE, from) == 0) return true;
  if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
    return fail_errno(Exit::io_error, errno, "{} cannot be written to the target", member_->path);
  return false;
}

Result<> MemberPlacer::remove(const std::string& path) {
  const auto dir = tree_.go_to(parent_of(path));
  if (!dir) return pass(dir.error());
  const std::string name(name_of(path));
  if (::unlinkat(*dir, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (UniqueFd inside = open_beneath(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      inside && remove_beneath(inside.get()) && ::unlinkat(*dir, name.c_str(), AT_REMOVEDIR) == 0)
    return {};
  return fail_errno(Exit::io_error, errno, "{} cannot be removed", path);
}

bool MemberPlacer::holds(const std::string& path, const struct stat& st) {
  const auto dir = tree_.go_to(parent_of(path));
  struct stat there {};
  return dir && ::fstatat(*dir, std::string(name_of(path)).c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         (there.st_mode & S_IFMT) == (st.st_mode & S_IFMT) && (!S_ISREG(st.st_mode) || there.st_size == st.st_size);
}

Result<> MemberPlacer::end() {
  if (!file_) return {};
  const AttributeSource target{file_.get(), -1, nullptr};
  // The size, where a hole is the end of a sparse file.
  if (S_ISREG(member_->st.st_mode) && ::ftruncate(file_.get(), member_->st.st_size) != 0)
    return fail_errno(Exit::io_error, errno, "{} cannot be written to the target", member_->path);
  apply_member(target, *member_, reporter_);
  apply_time(target, *member_, reporter_);
  file_.reset();
  return {};
}

}  // namespace backupctl::archive
