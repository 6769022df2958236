#include "gate/state/staging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>

#include "common/io.h"

namespace backupctl::state {
namespace {

/// Opens the directory `name` of `parent`, made if it is missing. @param forbidden  mode bits that it must not have
Result<UniqueFd> enter(int parent, const std::string& name, const std::string& path, mode_t forbidden) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(Exit::io_error, errno, "cannot make {}; nothing was done", path);
  UniqueFd fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
  // What the directory above bequeaths would go on to every copy (D7).
  for (const char* list : {"system.posix_acl_default", "system.posix_acl_access"})
    if (fd) ::fremovexattr(fd.get(), list);
  if (!fd)
    return fail_errno(errno == ELOOP || errno == ENOTDIR ? Exit::bad_config : Exit::io_error, errno,
                      "cannot open {} as a directory; nothing was done", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || st.st_uid != 0 || (st.st_mode & forbidden) != 0)
    return fail(Exit::bad_config,
                "{} must be root's alone, and somebody else made it or may write there; nothing was done: remove it, the gate "
                "makes it anew",
                path);
  return fd;
}

}  // namespace

bool is_private(int dir) {
  struct stat st {};
  return ::fstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == 0 && (st.st_mode & 077) == 0;
}

Result<UniqueFd> open_private_folder(int parent, const std::string& name, const std::string& path) {
  return enter(parent, name, path, 077);
}

Result<UniqueFd> open_staging(const std::string& staging, const std::string& folder) {
  const std::size_t last = staging.rfind('/');
  const std::size_t above = last == 0 ? 0 : staging.rfind('/', last - 1);
  const std::string root = above == 0 ? "/" : staging.substr(0, above);
  UniqueFd fd = open_no_symlinks(root, O_RDONLY | O_DIRECTORY);
  if (!fd)
    return fail_errno(Exit::bad_config, errno, "cannot open {}, where the staging directory {} is to lie; nothing was done",
                      root, staging);
  if (last != above) {
    auto middle = enter(fd.get(), staging.substr(above + 1, last - above - 1), staging.substr(0, last), 022);
    if (!middle) return middle;
    fd = std::move(*middle);
  }
  auto own = enter(fd.get(), staging.substr(last + 1), staging, 077);
  if (!own) return own;
  return enter(own->get(), folder, staging + "/" + folder, 077);
}

}  // namespace backupctl::state
