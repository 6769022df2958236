#include "gate/sqlite/at_rest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <tuple>

#include "common/io.h"
#include "common/sqlite_pages.h"
#include "gate/sqlite/source_files.h"

namespace backupctl::sqlite {
namespace {

// Where SQLite's locks lie in a database (sqlite.org/fileformat.html, "The Lock-Byte Page").
constexpr off_t pending_byte = 0x40000000;
constexpr off_t shared_first = pending_byte + 2;
constexpr off_t shared_size = 510;

struct flock range(short type, off_t start, off_t size) {
  struct flock wanted {};
  wanted.l_type = type;
  wanted.l_whence = SEEK_SET;
  wanted.l_start = start;
  wanted.l_len = size;
  return wanted;
}

bool lock(int fd, struct flock wanted) { return ::fcntl(fd, F_SETLK, &wanted) == 0; }

/// Whether anybody reads or writes it; in WAL mode, whether anybody has it open.
bool in_use(int fd) {
  struct flock found = range(F_WRLCK, shared_first, shared_size);
  return ::fcntl(fd, F_GETLK, &found) != 0 || found.l_type != F_UNLCK;
}

/// SHARED, as SQLite takes it: by way of PENDING, so that a writer who waits for readers to go is not kept waiting.
bool lock_shared(int fd) {
  const bool locked = lock(fd, range(F_RDLCK, pending_byte, 1)) && lock(fd, range(F_RDLCK, shared_first, shared_size));
  lock(fd, range(F_UNLCK, pending_byte, 1));
  return locked;
}

/// What a file would show if it was another, or was written to.
using Look = std::tuple<dev_t, ino_t, off_t, time_t, long>;
Look look_at(int fd) {
  struct stat st {};
  if (fd < 0 || ::fstat(fd, &st) != 0) return {};
  return {st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

Result<> copy_bytes(int from, const std::string& to) {
  constexpr std::size_t piece = 1 << 20;
  const auto buffer = std::make_unique<char[]>(piece);
  const UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) return fail_errno(Exit::io_error, errno, "the disk of the copy fails");
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(from, buffer.get(), piece, at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "it cannot be read");
    if (n == 0) return {};
    if (!write_all(out.get(), {buffer.get(), static_cast<std::size_t>(n)}))
      return fail_errno(Exit::io_error, errno, "the disk of the copy is full or fails");
    at += n;
  }
}

/// Whether a journal names a super-journal (sqlite.org/fileformat.html, "The Rollback Journal"; pager.c, readSuperJournal): of
/// a transaction over several databases, which SQLite would take for committed where it does not find that file.
bool is_one_of_several(int journal) {
  constexpr std::array<unsigned char, 8> magic = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
  std::array<unsigned char, 8> last{};
  struct stat st {};
  return ::fstat(journal, &st) == 0 && st.st_size > static_cast<off_t>(last.size()) &&
         ::pread(journal, last.data(), last.size(), st.st_size - static_cast<off_t>(last.size())) ==
             static_cast<ssize_t>(last.size()) &&
         last == magic;
}

}  // namespace

Result<bool> copy_at_rest(const std::string& path, const std::string& copy) {
  constexpr std::array<std::string_view, 3> beside = {"-wal", "-journal", "-shm"};
  // Closed last, and opened once: closing any descriptor of a file ends the locks that the process has on it (fcntl(2)).
  const UniqueFd database = open_source(path);
  if (!database || in_use(database.get()) || !lock_shared(database.get())) return false;
  const Look before = look_at(database.get());
  if (auto copied = copy_bytes(database.get(), copy); !copied) return pass(copied.error());
  std::array<Look, beside.size()> looks;
  for (std::size_t i = 0; i < beside.size(); ++i) {
    const UniqueFd file = open_source(path + std::string(beside[i]));
    looks[i] = look_at(file.get());
    if (!file || beside[i] == "-shm") continue;  // which is made anew for whoever opens it
    if (beside[i] == "-journal" && is_one_of_several(file.get()))
      return fail(
          Exit::unavailable,
          "its last transaction was one over several databases and was broken off: start the service, which ends it, and "
          "try again");
    if (auto copied = copy_bytes(file.get(), copy + std::string(beside[i])); !copied) return pass(copied.error());
  }
  for (std::size_t i = 0; i < beside.size(); ++i)
    if (look_at(open_source(path + std::string(beside[i])).get()) != looks[i]) return false;
  if (look_at(database.get()) != before) return false;
  if (auto finished = finish_sqlite(copy); !finished) return pass(finished.error());
  return true;
}

}  // namespace backupctl::sqlite
