#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "common/result.h"
#include "common/sha256.h"
#include "common/unique_fd.h"
#include "gate/source/codec.h"
#include "gate/source/exclude.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

struct ArchiveOptions {
  const Codec* codec = nullptr;  ///< null: no archive is written, the list of files alone
  int level = 0;                 ///< 0: the codec's own
  unsigned threads = 2;          ///< that compress, 1 to max_threads
  bool hot = false;              ///< the service runs: files that change are read again and do not make the run incomplete
  Excludes excludes;
  std::set<std::string, std::less<>> covered;  ///< files of the tree over which others are mounted that are read in their place
};

/// Memory grows with threads; this many keep it near 100 MB.
inline constexpr unsigned max_threads = 4;

/// What was written. Counts of what could not be read are the Reporter's.
struct ArchiveTotals {
  std::uint64_t archive_bytes = 0;
  std::uint64_t members = 0;        ///< headers in the tar; a file read again counts again; 0 without an archive
  std::uint64_t content_bytes = 0;  ///< of all members, holes not counted: what an extraction writes at most
  std::uint64_t list_bytes = 0;     ///< files.jsonl
  std::uint64_t file_bytes = 0;     ///< FileList::file_bytes()
  std::uint64_t list_lines = 0;     ///< of it: a file read again has one
  Digest archive_digest{};
  Digest list_digest{};
};

inline constexpr const char* archive_name = "archive";
inline constexpr const char* file_list_name = "files.jsonl";

/// Archives the tree `source`, or without a codec only reads it, byte by byte, to the same list, into the new files `archive`
/// and `files.jsonl` in `spool`, both removed on an error (D8). Nothing waits for the disk: a spool does not outlive its run,
/// and what was sent is verified against the digest. Symbolic links, FIFOs, empty directories, hard links, holes, attributes
/// and lists are kept (D7); sockets and devices are reported and left out. A file that changes while it is read is stored as
/// read, padded or cut to the size its header gives, and reported (D2).
/// @param source, spool  open directories. Error: Exit::io_error (spool full, tree unreadable), unavailable (no memory).
Result<ArchiveTotals> archive_tree(UniqueFd source, int spool, const ArchiveOptions& options, Reporter& reporter);

}  // namespace backupctl::archive
