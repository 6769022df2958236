#pragma once

#include <string>

#include "gate/step/step.h"

namespace backupctl::step {

/// # The record of a drill, `state_dir/drills/SERVICE-YYYYMMDDTHHMMSSZ.json` (normative)
///
/// One JSON object in three lines, the first two laid out as a manifest's (gate/manifest/manifest.h), so that a person checks
/// its signature with the same commands:
///
///     {"signed":{…},
///     "signature":{"algorithm":"ed25519","key":"…","value":"…"},
///     "kind":"drill"}
///
/// | member            | type            | meaning                                                                        |
/// |-------------------|-----------------|--------------------------------------------------------------------------------|
/// | schema            | number          | 1                                                                              |
/// | kind              | string          | "drill": no manifest can be taken for one                                       |
/// | service, host     | string          | the service; the host that rehearsed                                           |
/// | when              | number          | unix seconds of its end                                                        |
/// | archive, remote   | string          | what was restored, and where it came from; empty when none was found           |
/// | size, sha256      | number, string  | the archive's, as its manifest says                                            |
/// | files, bytes      | number          | lines of the list of what was restored; bytes of content                       |
/// | compared          | true or false   | every file with the manifest's list; false for an adopted archive, without one |
/// | fetch_seconds, verify_seconds, extract_seconds, compare_seconds, seconds | number | how long each took, and all of it | |
/// result            | string          | "restorable" or "failed"                                                       | |
/// text              | string          | what failed; else empty                                                        | |
/// journal_head      | string          | the journal's hash chain when it was written (X9)                              |

/// What to rehearse.
struct DrillWish {
  std::string service = {};
  std::string scratch = {};  ///< absolute: a directory that root alone can write, to restore into; empty: the spool
};

/// Whether the backups of its kind of source can be rehearsed.
bool can_rehearse(const policy::Service& service);

/// Rehearses a restore of the newest backup: fetches it, verifies it, restores it into a scratch directory, reads what was
/// restored and compares it with the signed list of the manifest, and leaves a signed record of it, of a failure as well. The
/// service is not touched, no slot is taken, and while it fetches it gives way to steps that make a backup. The scratch
/// directory is removed; what a crash left of it is removed by the next drill. Error: Exit::bad_data, the newest backup cannot
/// be restored as it was; io_error, no room; unavailable.
Result<Report> drill(Context& context, const DrillWish& wish);

}  // namespace backupctl::step
