#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/sha256.h"
#include "common/unique_fd.h"
#include "gate/restore/member_placer.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// What an archive may be, from its signed manifest; 0: not known, not checked.
struct ExtractOptions {
  std::string format;                  ///< "tar.gz" or "tar.zst"
  std::uint64_t members = 0;           ///< exactly
  std::uint64_t content_bytes = 0;     ///< at most: a bomb ends here (X5)
  std::string root = {};               ///< every member lies in this directory, or is it; empty: wherever
  std::vector<std::string> only = {};  ///< safe paths (member_path.h): nothing else is restored; each has to be there
};

struct ExtractTotals {
  std::uint64_t archive_bytes = 0;
  std::uint64_t members = 0;
  std::uint64_t content_bytes = 0;  ///< read, holes not counted
  std::uint64_t restored = 0;       ///< members that were written
  bool has_tree = false;            ///< a member is the directory "data" itself, and not only what lies in it
  Digest archive_digest{};
};

/// Reads the whole archive and checks it as a restore would: decompression, headers, names, count, sizes; writes nothing (D6).
/// @param archive  a file, from its beginning. Error: Exit::bad_data, damaged, cut off, suspicious or not the one announced.
Result<ExtractTotals> verify_archive(int archive, const ExtractOptions& options, Reporter& reporter);

/// Restores the archive beneath `target`, an open empty directory (D7), and syncs it. Absolute names, "..", links and hard
/// links that lead out make the archive suspicious and end the restore; devices and sockets are reported and left out; an
/// owner, attribute or time that cannot be set is reported by itself. Of two members with one name the later wins. Error:
/// Exit::bad_data as above; io_error, the disk is full or failed; unavailable, the target is not empty.
Result<ExtractTotals> extract_archive(int archive, UniqueFd target, const ExtractOptions& options, Reporter& reporter);

/// That a directory is empty and its file system has room for so many bytes. Error: Exit::unavailable; Exit::io_error.
Result<> check_target(int target, std::uint64_t content_bytes);

/// Ends what was placed, and writes it to its disk. @param root  the target, open. Error: Exit::io_error.
Result<> finish_target(MemberPlacer& placer, int root);

}  // namespace backupctl::archive
