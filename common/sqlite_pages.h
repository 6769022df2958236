#pragma once

#include <chrono>
#include <string>

#include "common/result.h"

namespace backupctl {

/// Fills `copy`, which nobody sees yet, with all pages of a SQLite database that others may read and write meanwhile, by
/// SQLite's backup API (sqlite.org/backup.html): in one read transaction, so that a writer who never rests cannot begin it anew
/// again and again. Then finish_sqlite(). Not on the disk yet. A source that cannot be written is only read.
/// @param patience  how long a lock of others is waited for
/// @return error: the bare reason, to stand behind "cannot copy …: ". Exit::bad_config, one of the two cannot be opened, or the
/// source not without writing to it or beside it (a WAL database that nobody has open, a journal to be rolled back);
/// Exit::bad_data, the source is no database, damaged, or made to keep whoever checks it busy; Exit::unavailable, locked all
/// the time, or there is too little memory; Exit::io_error, the disk is full or fails.
Result<> fill_sqlite(const std::string& source, const std::string& copy, std::chrono::seconds patience);

/// Makes a database that is ours alone stand alone: what lies in its -wal is taken in, its -journal rolled back, and every page
/// checked (PRAGMA integrity_check), in processor time that is in proportion to its size: no good one needs a twentieth of it,
/// and one with a hostile schema is given up then. Error: as above.
Result<> finish_sqlite(const std::string& copy);

}  // namespace backupctl
