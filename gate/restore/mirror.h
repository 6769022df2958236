#pragma once

#include <cstdint>

#include "common/result.h"
#include "common/sha256.h"
#include "common/unique_fd.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// What a mirror must be, from its signed manifest.
struct MirrorOptions {
  Digest list_digest{};             ///< SHA-256 of the manifest's list of files
  std::uint64_t files = 0;          ///< lines of it, exactly
  std::uint64_t content_bytes = 0;  ///< what is written at most, holes not counted
  bool leave_out = false;           ///< what differs is left out, not an error: the tree changed while it was mirrored
};

struct MirrorTotals {
  std::uint64_t members = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t left_out = 0;  ///< files that differ, are missing or have no SHA-256 to tell by
  std::uint64_t surplus = 0;   ///< files of the mirror that the list does not name; verify_mirror() alone counts them
};

/// Compares a fetched mirror with its manifest's list, each file by size and SHA-256, and writes nothing (D6, X6). What differs
/// is reported by its name. The list is hashed before any line of it is parsed.
/// @param manifest  the whole manifest, a file, verified before (gate/relay/verify_manifest.h)
/// @param mirror    the fetched `data/`, hostile: nothing in it is followed, and no more of it believed than its hash says
/// Error: Exit::bad_data, the list is not the one announced, a line is none, or (but with leave_out) a file differs.
Result<MirrorTotals> verify_mirror(int manifest, const UniqueFd& mirror, const MirrorOptions& options, Reporter& reporter);

/// Writes beneath `target`, an open empty directory, what the list says, as `data/…` (D7), and syncs it: content from the
/// mirror, compared again while it is copied, everything else from the list. Error: as above; Exit::io_error, the disk is full
/// or failed; Exit::unavailable, the target is not empty.
Result<MirrorTotals> extract_mirror(int manifest, const UniqueFd& mirror, UniqueFd target, const MirrorOptions& options,
                                    Reporter& reporter);

}  // namespace backupctl::archive
