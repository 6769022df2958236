#pragma once

#include <span>
#include <string>

namespace backupctl::sqlite {

/// The copier's work once it is confined (sandbox::Work): each database that is named, a path beneath /source, to /spool/0,
/// /spool/1, …, in this order; consistent, checked, standing alone, on the disk.
/// @param args  the room for all of them in bytes, then the databases. Records:
///   result   number[0] bytes of all copies
///   failed   number[0] the Exit code: bad_config, one is missing or no plain file, or cannot be opened; bad_data, one is no
///            database, or damaged; unavailable, locked or changed hands all the time; io_error, the spool or its room is full
int run_copier(std::span<const std::string> args);

}  // namespace backupctl::sqlite
