#pragma once

#include <string>

#include "common/unique_fd.h"

namespace backupctl::sqlite {

/// Lets SQLite open what lies in the tree for reading alone, and only plain files that no link leads to (X5): the tree's owner
/// may put a FIFO or a link there at any moment, also by the names of -wal, -shm and -journal. It shares the locks of whoever
/// has the database open, as the inode is the same one, and takes none that keeps a writer in WAL mode from committing.
/// @param tree  open on /source; kept
void guard_source(UniqueFd tree);

/// A plain file of the tree, to read. @param path  relative. Without one errno says why: ELOOP, no plain file.
UniqueFd open_source(const std::string& path);

}  // namespace backupctl::sqlite
