#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/civil_date.h"
#include "common/result.h"
#include "policy/policy.h"

namespace backupctl::policy {

/// The options of `backupctl --preview-retention` (policy.md, "Retention").
struct PreviewOptions {
  CivilDate today;              ///< --today, or today in the host's zone
  Keep keep;                    ///< --keep-daily (0), --keep-weekly, --keep-monthly
  std::uint32_t keep_last = 1;  ///< --keep-last
  std::string service = {};     ///< --service; empty: any valid name counts, each service by itself
};

/// What the command prints: for each line of `names` one line `keep|delete|ignore<TAB>name<TAB>reason`, in input order.
/// An empty line is a name too (ignored, as no archive); after the last line end no further line is made up. Names that
/// contain control characters are printed escaped, and cut after 1,024 bytes (X10); names to keep or delete never need it.
/// @param names  file names, one a line, each ended by LF (the last may lack it).
/// Error: Exit::not_a_request when all of --keep-daily, --keep-weekly and --keep-monthly are 0 (a command line that makes
/// no sense, as sysexits(3) EX_USAGE; in the policy file the same is 78), or the service is no valid name.
Result<std::string> preview_retention(const PreviewOptions& options, std::string_view names);

}  // namespace backupctl::policy
