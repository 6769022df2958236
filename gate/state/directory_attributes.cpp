#include "gate/state/directory_attributes.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace backupctl::state {
namespace {

constexpr std::size_t most = 64 * 1024;  ///< XATTR_LIST_MAX and XATTR_SIZE_MAX (linux/limits.h)

/// What is copied; a file system without attributes has none.
std::set<std::string> attributes(int dir) {
  std::vector<char> names(most);
  const ssize_t size = ::flistxattr(dir, names.data(), names.size());
  std::set<std::string> found;
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.data() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    if (name.starts_with("user.") || name.starts_with("security.") || name.starts_with("system.posix_acl_")) found.insert(name);
  }
  return found;
}

}  // namespace

Result<> copy_directory_attributes(int from, int to) {
  const auto failed = [](int code) {
    return fail_errno(Exit::io_error, code, "owner, mode and attributes of the tree's own directory cannot be set");
  };
  struct stat st {};
  if (::fstat(from, &st) != 0 || ::fchown(to, st.st_uid, st.st_gid) != 0 || ::fchmod(to, st.st_mode & 07777U) != 0)
    return failed(errno);
  const auto wanted = attributes(from);
  for (const std::string& name : attributes(to))
    if (!wanted.contains(name) && ::fremovexattr(to, name.c_str()) != 0 && errno != ENODATA) return failed(errno);
  std::vector<char> value(most);
  for (const std::string& name : wanted) {
    const ssize_t size = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (size < 0 || ::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(size), 0) != 0) return failed(errno);
  }
  return {};
}

}  // namespace backupctl::state
