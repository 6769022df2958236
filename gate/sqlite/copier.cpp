#include "gate/sqlite/copier.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <new>

#include "common/escape.h"
#include "common/io.h"
#include "common/record.h"
#include "common/sqlite_pages.h"
#include "gate/sandbox/helper.h"
#include "gate/source/reporter.h"
#include "gate/sqlite/at_rest.h"
#include "gate/sqlite/source_files.h"

namespace backupctl::sqlite {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{60};  ///< for locks of others, each database
constexpr timespec pause{0, 50'000'000};

void discard(const std::string& copy) {
  for (const char* ending : {"", "-wal", "-shm", "-journal"}) ::unlink((copy + ending).c_str());
}

/// The reason alone. A database in use is read through SQLite, with the locks of those who use it; one that nobody has open, or
/// whose last writer died, is one that SQLite does not read where it cannot write, and is copied first.
Result<> fill(const std::string& path, const std::string& copy) {
  const auto until = Clock::now() + patience;
  for (;;) {
    if (!open_source(path))
      return fail_errno(Exit::bad_config, errno, "{}", errno == ENOENT ? "there is no such file" : "it is no plain file");
    discard(copy);
    auto live = fill_sqlite(std::string(sandbox::source_dir) + "/" + path, copy, patience);
    if (live || live.error().exit != Exit::bad_config) return live;
    discard(copy);
    const auto rested = copy_at_rest(path, copy);
    if (!rested) return pass(rested.error());
    if (*rested) return {};
    if (Clock::now() >= until)
      return fail(Exit::unavailable, "it was opened and changed all the time: {}", live.error().sentence);
    ::nanosleep(&pause, nullptr);
  }
}

/// The database may grow while it is copied: no file gets longer than the room that is left (setrlimit(2), RLIMIT_FSIZE).
Result<> fill_within(const std::string& path, const std::string& copy, std::int64_t room) {
  constexpr std::int64_t largest_page = 65536;
  const rlimit limit{static_cast<rlim_t>(room), static_cast<rlim_t>(room)};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return fail_errno(Exit::bug, errno, "the size of its copy cannot be limited");
  auto done = fill(path, copy);
  struct stat st {};
  if (!done && ::stat(copy.c_str(), &st) == 0 && st.st_size > room - largest_page)
    return fail(Exit::io_error, "it grew beyond half of what was free where the state directory lies; make room there");
  return done;
}

Result<std::int64_t> copy_to_disk(const std::string& path, const std::string& copy, std::int64_t room) {
  auto done = fill_within(path, copy, room);
  const UniqueFd file(done ? ::open(copy.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1);
  struct stat st {};
  if (done && (!file || ::fsync(file.get()) != 0 || ::fstat(file.get(), &st) != 0))
    done = fail_errno(Exit::io_error, errno, "the disk of the copy fails");
  if (done) return st.st_size;
  return fail(done.error().exit,
              "the database {} could not be copied: {}; nothing of the service was sent, and its backups stay as they are",
              escape_line(path, 300), done.error().sentence);
}

Result<std::int64_t> copy_all(std::span<const std::string> databases, std::int64_t room) {
  UniqueFd tree(::open(sandbox::source_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!tree) return fail_errno(Exit::io_error, errno, "the tree cannot be opened");
  guard_source(std::move(tree));
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < databases.size(); ++i) {
    const auto copied = copy_to_disk(databases[i], fmt::format("{}/{}", sandbox::spool_dir, i), room - bytes);
    if (!copied) return pass(copied.error());
    bytes += *copied;
  }
  return bytes;
}

}  // namespace

int run_copier(std::span<const std::string> args) {
  archive::Reporter reporter(sandbox::report_fd);
  ::signal(SIGXFSZ, SIG_IGN);  // write(2) fails then, with EFBIG
  std::int64_t room = 0;
  std::from_chars(args[0].data(), args[0].data() + args[0].size(), room);
  const auto bytes = copy_all(args.subspan(1), room);
  if (!bytes) {
    reporter.failed(bytes.error());
    return to_status(bytes.error().exit);
  }
  Record record;
  record.kind = Record::Kind::result;
  record.number[0] = *bytes;
  reporter.send(record);
  return to_status(Exit::done);
}

}  // namespace backupctl::sqlite
