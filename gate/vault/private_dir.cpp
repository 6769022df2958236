#include "gate/vault/private_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <memory>

#include "common/io.h"
#include "common/remove.h"
#include "gate/vault/secret.h"

namespace backupctl::vault {
namespace {

/// Overwrites one file with zeros, if it is an ordinary file of one link and no larger than a configuration.
void overwrite(int dir, const std::string& name) {
  UniqueFd fd = open_beneath(dir, name, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) return;
  if (st.st_size <= 0 || static_cast<std::size_t>(st.st_size) > max_config) return;
  const std::string zeros(static_cast<std::size_t>(st.st_size), '\0');
  if (write_all(fd.get(), zeros)) ::fdatasync(fd.get());
}

}  // namespace

Result<UniqueFd> open_private_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(Exit::io_error, errno, "cannot create {}", path);
  UniqueFd dir = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  if (!dir) return fail_errno(Exit::io_error, errno, "cannot open {}", path);
  struct stat st {};
  if (::fstat(dir.get(), &st) != 0) return fail_errno(Exit::io_error, errno, "cannot stat {}", path);
  if (st.st_uid != ::geteuid() || (st.st_mode & 077) != 0)
    return fail(Exit::bad_config, "{} must be root's with mode 0700, because it holds credentials", path);
  return dir;
}

Result<UniqueFd> try_lock(int locks_dir, const std::string& name) {
  UniqueFd fd = open_beneath(locks_dir, name, O_RDWR | O_CREAT | O_NONBLOCK, 0600);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open the lock {}", name);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return UniqueFd();
    if (errno != EINTR) return fail_errno(Exit::io_error, errno, "cannot take the lock {}", name);
  }
  struct stat mine {
  }, named{};
  if (::fstat(fd.get(), &mine) != 0 || ::fstatat(locks_dir, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
      mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
    return fail(Exit::io_error, "the lock {} was replaced while it was taken: somebody removes files of the state directory",
                name);
  return fd;
}

Result<> wipe_directory(const std::string& path) {
  UniqueFd dir = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  if (!dir && errno == ENOENT) return {};
  if (dir) {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(::fcntl(dir.get(), F_DUPFD_CLOEXEC, 0)), ::closedir);
    for (int seen = 0; listing != nullptr && seen < 1000; ++seen) {
      const dirent* entry = ::readdir(listing.get());
      if (entry == nullptr) break;
      overwrite(dir.get(), entry->d_name);
    }
  }
  // Not std::filesystem's: it holds a descriptor a level, of which a child can make more than there are (X5).
  if (!dir || !remove_beneath(dir.get()) || ::rmdir(path.c_str()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot remove the credential copy {}", path);
  return {};
}

}  // namespace backupctl::vault
