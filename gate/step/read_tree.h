#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/sha256.h"
#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/worker.h"

namespace backupctl::step {

/// A file, by its content.
struct FileDigest {
  std::int64_t size = 0;
  Digest digest{};
};

/// What the reader made of a tree; its files are `archive` and `files.jsonl` in the spool, or the latter alone.
struct TreeRead {
  std::int64_t archive_bytes = 0;  ///< 0 without an archive; so members and digest
  std::int64_t members = 0;        ///< headers in the tar; a live file that changed has one for each time it was read
  std::int64_t files = 0;          ///< lines of files.jsonl
  std::int64_t source_bytes = 0;
  std::int64_t file_bytes = 0;        ///< of all regular files, holes and every hard link counted: what a mirror takes
  std::int64_t faults = 0;            ///< unreadable, changed, vanished, mount points (D2)
  std::string first_fault;            ///< one of them, escaped
  std::optional<double> downtime;     ///< seconds that the service stood still for it (S3), where that is known
  Digest digest{};                    ///< of the archive
  Digest files_digest{};              ///< of files.jsonl
  std::optional<FileDigest> globals;  ///< of the file `globals` beside a dump (postgres_globals.h)
};

/// Reads the tree `tree_fd` into the spool in the role "reader". What could not be read is told line by line.
/// @param path  where it lies, for mount points beneath it; @param exclude  patterns as Excludes has them
/// (gate/source/exclude.h); @param instead  over the tree's own files
/// Error: Exit::io_error (spool full, …); the spool then holds nothing of use.
Result<TreeRead> read_tree(Context& context, const policy::Service& service, const std::string& path,
                           const std::vector<std::string>& exclude, int tree_fd, const std::vector<Instead>& instead,
                           state::Spool& spool);

/// Reads the tree all the same, every byte of it, and leaves its list `files.jsonl` alone: the lines are those of an archive.
/// @param hot  files may change while they are read. Error: as above; Exit::bad_config, a pattern is not one of those.
Result<TreeRead> list_tree(Context& context, const std::string& path, const std::vector<std::string>& exclude, bool hot,
                           int tree_fd, const std::vector<Instead>& instead, state::Spool& spool);

}  // namespace backupctl::step
