#pragma once

#include <chrono>
#include <string>

#include "common/result.h"

namespace backupctl {

/// Puts a consistent copy of a SQLite database, which others may read and write meanwhile, under the name `destination`, by
/// SQLite's backup API (sqlite.org/backup.html): all pages in one read transaction, so that a writer who never rests cannot
/// begin it anew again and again. The copy has no journal beside it, is checked page by page (PRAGMA integrity_check), is on
/// the disk, and only then gets its name: killed at any instruction the copy that was there before is there, whole. What is
/// left of such a run, `DESTINATION.partial`, is used and replaced by the next.
/// Writers of a database in WAL mode are not held up; others wait while the pages are read (sqlite.org/lockingv3.html).
/// @param source       follows links; recovered first, as any reader would, if its last writer died
/// @param destination  its directory must exist, on any file system; a `-wal`, `-shm` or `-journal` beside it is of no use to
/// the
///   copy, would be taken for its own, and is removed
/// @param patience     how long a lock of others is waited for
/// @return bytes of the copy. Error: Exit::bad_config, one of the two cannot be opened; Exit::bad_data, the source is no
/// database, or damaged; Exit::unavailable, locked all the time, or another copy to there is under way; Exit::io_error, the
/// disk is full or fails. The copy that was there before stays.
Result<std::int64_t> copy_sqlite(const std::string& source, const std::string& destination, std::chrono::seconds patience);

}  // namespace backupctl
