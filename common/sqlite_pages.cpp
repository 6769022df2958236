#include "common/sqlite_pages.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <memory>

#include "common/escape.h"

namespace backupctl {
namespace {

using Clock = std::chrono::steady_clock;

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Database = std::unique_ptr<sqlite3, Close>;

/// What SQLite says, as one of ours.
Error explain(int code, sqlite3* db) {
  const std::string words = db != nullptr ? escape_line(sqlite3_errmsg(db), 200) : sqlite3_errstr(code);
  const auto error = [&](Exit exit, std::string_view meaning) { return Error{exit, fmt::format("{} ({})", meaning, words)}; };
  switch (code & 0xff) {  // sqlite.org/rescode.html: the primary one
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return error(Exit::bad_data, "it is no SQLite database, or a damaged or encrypted one");
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
    case SQLITE_INTERRUPT:  // nobody but give_up_late()
      return error(Exit::bad_data,
                   "checking it takes far more work than a good database of its size needs, as one does that was made to hold "
                   "up whoever reads it; look at its tables' CHECKs and indices");
    case SQLITE_TOOBIG:
      return error(Exit::bad_data, "its schema makes values far longer than the whole database");
    case SQLITE_NOMEM:
      return error(Exit::unavailable, "checking it takes more memory than there is for it");
    default:
      return error(Exit::io_error, "SQLite failed");
  }
}

Result<Database> open_database(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return pass(explain(code, raw));
  return db;
}

/// The first value of the first row.
Result<std::string> ask(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code != SQLITE_ROW) return pass(explain(code, db));
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
  return std::string(text != nullptr ? text : "");
}

/// All pages at once, tried again while somebody holds a lock.
Result<> copy_pages(sqlite3* from, sqlite3* to, Clock::time_point until) {
  const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(sqlite3_backup_init(to, "main", from, "main"),
                                                                         sqlite3_backup_finish);
  if (!backup) return pass(explain(sqlite3_errcode(to), to));
  for (;;) {
    const int code = sqlite3_backup_step(backup.get(), -1);
    if (code == SQLITE_DONE) return {};
    const bool locked = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    if (!locked || Clock::now() >= until) return pass(explain(code, nullptr));
    sqlite3_sleep(20);
  }
}

/// Nobody sees the copy before it is whole: neither journal nor waiting for the disk until then.
void make_quick(sqlite3* copy) {
  for (const char* quick : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"})
    sqlite3_exec(copy, quick, nullptr, nullptr, nullptr);
}

std::int64_t size_of(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_size : 0;
}

/// Processor time, so that neither a slow disk nor a busy machine counts. Measured on odd but good databases: at most 0.6 s for
/// a megabyte, where each row has a hundred CHECKs and stores none of the columns.
constexpr std::int64_t seconds = 10, seconds_per_megabyte = 10;

int give_up_late(void* until) { return std::clock() > *static_cast<const std::clock_t*>(until) ? 1 : 0; }

/// Of a database that others made the CHECKs and the expressions of indices are evaluated for each row
/// (sqlite.org/security.html, "Untrusted SQLite Database Files"): without rights, without values that cannot be in it, and not
/// for longer than a good one of its size can need.
class Bounds {
 public:
  Bounds(sqlite3* db, std::int64_t size)
      : db_(db), until_(std::clock() + (seconds + size / 1'000'000 * seconds_per_megabyte) * CLOCKS_PER_SEC) {
    sqlite3_progress_handler(db, 1000, give_up_late, &until_);
    constexpr std::int64_t longest_at_least = 1'000'000, most = std::numeric_limits<int>::max();
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, static_cast<int>(std::clamp(size, longest_at_least, most / 4) * 4));
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_exec(db, "PRAGMA cell_size_check=ON", nullptr, nullptr, nullptr);
  }
  Bounds(const Bounds&) = delete;
  Bounds& operator=(const Bounds&) = delete;
  ~Bounds() { sqlite3_progress_handler(db_, 0, nullptr, nullptr); }

 private:
  sqlite3* db_;
  std::clock_t until_;
};

Result<> check_copy(sqlite3* copy, const std::string& path) {
  const Bounds bounds(copy, size_of(path) + size_of(path + "-wal"));
  // A copy of a database in WAL mode is in it as well, and would leave files beside itself wherever it is opened.
  if (auto mode = ask(copy, "PRAGMA journal_mode=DELETE"); !mode) return pass(mode.error());
  const auto verdict = ask(copy, "PRAGMA integrity_check(1)");
  if (!verdict) return pass(verdict.error());
  if (*verdict == "ok") return {};
  return fail(Exit::bad_data, "the database is damaged ({})", escape_line(*verdict, 200));
}

}  // namespace

Result<> fill_sqlite(const std::string& source, const std::string& copy, std::chrono::seconds patience) {
  auto from = open_database(source, SQLITE_OPEN_READWRITE);
  if (!from) from = open_database(source, SQLITE_OPEN_READONLY);
  if (!from) return pass(from.error());
  auto to = open_database(copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!to) return pass(to.error());
  sqlite3_busy_timeout(from->get(), static_cast<int>(std::chrono::milliseconds(patience).count()));
  make_quick(to->get());
  if (auto copied = copy_pages(from->get(), to->get(), Clock::now() + patience); !copied) return copied;
  return check_copy(to->get(), copy);
}

Result<> finish_sqlite(const std::string& copy) {
  auto database = open_database(copy, SQLITE_OPEN_READWRITE);
  return database ? check_copy(database->get(), copy) : pass(database.error());
}

}  // namespace backupctl
