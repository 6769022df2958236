#pragma once

#include <string>

#include "common/result.h"

namespace backupctl::sqlite {

/// Copies a database that nobody has open, byte for byte, with the -wal or -journal that its last writer may have left by
/// crashing, which the copy then takes in (finish_sqlite()). SQLite itself reads such a one only where it can write beside it.
/// A read lock of SQLite's (sqlite.org/lockingv3.html, SHARED) is held meanwhile: nobody rolls back, and nobody who opens it
/// and closes it again can take away the -wal and -shm that tell of it.
/// @param path  beneath the tree; @param copy  a new file
/// @return false: somebody opened it or wrote meanwhile; look again. Error: the bare reason, as finish_sqlite() has it.
Result<bool> copy_at_rest(const std::string& path, const std::string& copy);

}  // namespace backupctl::sqlite
