#include "common/sqlite_copy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/escape.h"
#include "common/sqlite_pages.h"
#include "common/unique_fd.h"

namespace backupctl {
namespace {

void remove_beside(const std::string& path) {
  for (const char* ending : {"-wal", "-shm", "-journal"}) ::unlink((path + ending).c_str());
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::int64_t> copy_sqlite(const std::string& source, const std::string& destination, std::chrono::seconds patience) {
  const std::string what = fmt::format("copy {} to {}", escape_line(source, 300), escape_line(destination, 300));
  struct stat st {
  }, there{};
  if (::stat(source.c_str(), &st) != 0)
    return fail_errno(Exit::bad_config, errno, "cannot {}: there is no such database; the copy that was there before stays",
                      what);
  if (!S_ISREG(st.st_mode)) return fail(Exit::bad_config, "cannot {}: the source is no file; nothing was changed", what);
  // What lies beside a copy is of no use; what lies beside the database itself is what was committed last.
  if (::stat(destination.c_str(), &there) == 0 && there.st_dev == st.st_dev && there.st_ino == st.st_ino)
    return fail(Exit::bad_config, "cannot {}: the two are one file; nothing was changed", what);
  const std::string partial = destination + ".partial";
  const UniqueFd file(::open(partial.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return fail_errno(Exit::bad_config, errno, "cannot {}: its directory cannot be written", what);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno(Exit::unavailable, errno, "cannot {}: another copy to there is under way", what);
  remove_beside(partial);
  if (::ftruncate(file.get(), 0) != 0) return fail_errno(Exit::io_error, errno, "cannot {}", what);

  auto done = fill_sqlite(source, partial, patience);
  if (!done) done = fail(done.error().exit, "cannot {}: {}; the copy that was there before stays", what, done.error().sentence);
  if (done && (::fchmod(file.get(), st.st_mode & 0777) != 0 || ::fsync(file.get()) != 0))
    done =
        fail_errno(Exit::io_error, errno, "cannot {}: the disk of the copy fails; the copy that was there before stays", what);
  if (!done) {
    remove_beside(partial);
    ::unlink(partial.c_str());
    return pass(done.error());
  }
  remove_beside(partial);
  remove_beside(destination);
  const UniqueFd directory(::open(directory_of(destination).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::rename(partial.c_str(), destination.c_str()) != 0 || !directory || ::fsync(directory.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot {}: it did not get its name", what);
  struct stat copy {};
  ::fstat(file.get(), &copy);
  return copy.st_size;
}

}  // namespace backupctl
