#include "common/sqlite_copy.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "common/escape.h"
#include "common/unique_fd.h"

namespace backupctl {
namespace {

using Clock = std::chrono::steady_clock;

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Database = std::unique_ptr<sqlite3, Close>;

/// What SQLite says, as one of ours. @param what  "copy", with its object
Error explain(int code, sqlite3* db, const std::string& what) {
  const std::string words = db != nullptr ? escape_line(sqlite3_errmsg(db), 200) : sqlite3_errstr(code);
  const auto error = [&](Exit exit, std::string_view meaning) {
    return Error{exit, fmt::format("cannot {}: {} ({}); the copy that was there before stays", what, meaning, words)};
  };
  switch (code & 0xff) {  // sqlite.org/rescode.html: the primary one
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return error(Exit::bad_data, "it is no SQLite database, or a damaged one");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(Exit::unavailable, "somebody else has held it locked all the time");
    case SQLITE_FULL:
      return error(Exit::io_error, "the disk of the copy is full");
    case SQLITE_READONLY:  // of a directory: who reads a database in WAL mode has to write beside it
      return error(Exit::bad_config, "its directory or the copy's cannot be written");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return error(Exit::bad_config, "it cannot be opened");
    default:
      return error(Exit::io_error, "SQLite failed");
  }
}

Result<Database> open_database(const std::string& path, int flags, const std::string& what) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return pass(explain(code, raw, what));
  return db;
}

/// The first value of the first row.
Result<std::string> ask(sqlite3* db, const char* sql, const std::string& what) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code != SQLITE_ROW) return pass(explain(code, db, what));
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
  return std::string(text != nullptr ? text : "");
}

/// All pages at once, tried again while somebody holds a lock.
Result<> copy_pages(sqlite3* from, sqlite3* to, Clock::time_point until, const std::string& what) {
  const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(sqlite3_backup_init(to, "main", from, "main"),
                                                                         sqlite3_backup_finish);
  if (!backup) return pass(explain(sqlite3_errcode(to), to, what));
  for (;;) {
    const int code = sqlite3_backup_step(backup.get(), -1);
    if (code == SQLITE_DONE) return {};
    const bool locked = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    if (!locked || Clock::now() >= until) return pass(explain(code, nullptr, what));
    sqlite3_sleep(20);
  }
}

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

  const auto fill = [&]() -> Result<> {
    auto from = open_database(source, SQLITE_OPEN_READWRITE, what);
    if (!from) from = open_database(source, SQLITE_OPEN_READONLY, what);
    if (!from) return pass(from.error());
    auto to = open_database(partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, what);
    if (!to) return pass(to.error());
    sqlite3_busy_timeout(from->get(), static_cast<int>(std::chrono::milliseconds(patience).count()));
    // Nobody sees it before it is whole: neither journal nor waiting for the disk until then.
    for (const char* quick : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"})
      sqlite3_exec(to->get(), quick, nullptr, nullptr, nullptr);
    if (auto copied = copy_pages(from->get(), to->get(), Clock::now() + patience, what); !copied) return copied;
    // A copy of a database in WAL mode is in it as well, and would leave files beside itself wherever it is opened.
    auto mode = ask(to->get(), "PRAGMA journal_mode=DELETE", what);
    if (!mode) return pass(mode.error());
    const auto verdict = ask(to->get(), "PRAGMA integrity_check(1)", what);
    if (!verdict) return pass(verdict.error());
    if (*verdict != "ok")
      return fail(Exit::bad_data, "cannot {}: the database is damaged ({}); the copy that was there before stays", what,
                  escape_line(*verdict, 200));
    return {};
  };
  auto done = fill();
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
