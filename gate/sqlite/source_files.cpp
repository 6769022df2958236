#include "gate/sqlite/source_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/io.h"
#include "gate/sandbox/helper.h"

namespace backupctl::sqlite {
namespace {

UniqueFd source;  // SQLite's system calls have no argument for it

/// SQLite's open(2) (sqlite3_vfs, xSetSystemCall): whoever is told EROFS opens a database to read it, and its -shm as well.
int open_for_sqlite(const char* path, int flags, int mode) {
  const std::string_view name = path;
  const std::string above = std::string(sandbox::source_dir) + "/";
  if (!name.starts_with(above)) return ::open(path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0) return errno = EROFS, -1;
  return open_source(std::string(name.substr(above.size()))).release();
}

}  // namespace

UniqueFd open_source(const std::string& path) {
  UniqueFd fd = open_beneath(source.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st {};
  if (fd && (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))) {
    fd.reset();
    errno = ELOOP;
  }
  return fd;
}

void guard_source(UniqueFd tree) {
  source = std::move(tree);
  sqlite3_initialize();
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  vfs->xSetSystemCall(vfs, "open", reinterpret_cast<sqlite3_syscall_ptr>(open_for_sqlite));
}

}  // namespace backupctl::sqlite
