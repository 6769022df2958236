#include "gate/restore/target_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <climits>

#include "common/io.h"
#include "gate/restore/apply_member.h"
#include "gate/restore/member_path.h"
#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

tl::unexpected<Error> in_the_way(int code, std::string_view path) {
  if (code == ELOOP || code == ENOTDIR)
    return fail(Exit::bad_data,
                "the archive is suspicious: it leads through something that is no directory, {}; nothing of it is to be used",
                path);
  return fail_errno(Exit::io_error, code, "the directory {} cannot be made", path);
}

}  // namespace

bool TargetTree::within(const Level& level, std::string_view path) const {
  const std::string_view own = std::string_view(path_).substr(0, level.path_size);
  return path.starts_with(own) && (path.size() == own.size() || path[own.size()] == '/');
}

Result<int> TargetTree::go_to(std::string_view path) {
  std::size_t depth = levels_.size();
  while (depth > 0 && !within(levels_[depth - 1], path)) --depth;
  if (auto done = leave_to(depth); !done) return pass(done.error());
  while (path_.size() < path.size()) {
    const std::string_view rest = path.substr(path_.empty() ? 0 : path_.size() + 1);
    if (auto done = enter(rest.substr(0, rest.find('/')), nullptr); !done) return pass(done.error());
  }
  return stack_.top();
}

Result<> TargetTree::make_directory(const Member& member) {
  if (auto parent = go_to(parent_of(member.path)); !parent) return pass(parent.error());
  return enter(name_of(member.path), &member);
}

Result<> TargetTree::enter(std::string_view name, const Member* member) {
  const std::string last(name);
  const int above = stack_.top();
  bool made = ::mkdirat(above, last.c_str(), 0700) == 0;
  if (!made && errno == EEXIST && member != nullptr) {  // a later member replaces what is no directory
    struct stat st {};
    if (::fstatat(above, last.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode)) {
      ::unlinkat(above, last.c_str(), 0);
      made = ::mkdirat(above, last.c_str(), 0700) == 0;
    }
  }
  UniqueFd fd = open_beneath(above, last, directory_flags);
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0) return in_the_way(errno, member != nullptr ? std::string_view(member->path) : name);
  Level level{path_.size() + (path_.empty() ? 0 : 1) + last.size(), st.st_mtim, {}};
  if (member != nullptr) {
    drop_attributes(fd.get());  // of an earlier member, an earlier pass, or what the directory above bequeaths
    apply_member({fd.get(), -1, nullptr}, *member, reporter_);
    level.mtime = member->st.st_mtim;
    level.acl_default = member->attributes.acl_default;
  } else if (made) {  // no member is this directory: nobody's but root's, not the worker's that makes it
    if (::fchown(fd.get(), 0, 0) != 0)
      reporter_.not_read(NotRead::unreadable, last, "its owner cannot be set: " + errno_text(errno));
  } else {  // entered again: its default list waits until it is left again
    std::array<char, 4096> list{};
    const ssize_t n = ::fgetxattr(fd.get(), acl_default_xattr, list.data(), list.size());
    if (n > 0) level.acl_default.assign(list.data(), static_cast<std::size_t>(n));
  }
  ::fremovexattr(fd.get(), acl_default_xattr);
  if (!path_.empty()) path_ += '/';
  path_ += last;
  levels_.push_back(std::move(level));
  stack_.push(std::move(fd));
  return {};
}

Result<> TargetTree::leave_to(std::size_t depth) {
  while (levels_.size() > depth) {
    const Level& level = levels_.back();
    const int fd = stack_.top();
    if (fd < 0)
      return fail(Exit::io_error,
                  "the target was changed by someone else while it was restored into; start again into an empty directory");
    if (!level.acl_default.empty()) {
      if (const int code = set_attribute({fd, -1, nullptr}, acl_default_xattr, level.acl_default); code != 0)
        reporter_.not_read(NotRead::unreadable, path_, "the default access list cannot be restored: " + errno_text(code));
    }
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, level.mtime};
    if (::futimens(fd, times.data()) != 0)
      reporter_.not_read(NotRead::unreadable, path_, "the times cannot be restored: " + errno_text(errno));
    levels_.pop_back();
    stack_.pop();
    path_.resize(levels_.empty() ? 0 : levels_.back().path_size);
  }
  return {};
}

Result<UniqueFd> TargetTree::open_directory(std::string_view path) const {
  UniqueFd at(::openat(stack_.root(), ".", directory_flags | O_CLOEXEC));
  while (!path.empty() && at) {
    // openat2(2) takes PATH_MAX bytes at a time.
    std::size_t end = path.size();
    if (end >= PATH_MAX) end = path.rfind('/', PATH_MAX - 1);
    if (end == std::string_view::npos)
      return fail(Exit::bad_data, "the archive is suspicious: it has a name longer than any file system's");
    at = open_beneath(at.get(), std::string(path.substr(0, end)), directory_flags);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  if (!at) return in_the_way(errno, path);
  return at;
}

}  // namespace backupctl::archive
