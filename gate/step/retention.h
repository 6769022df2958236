#pragma once

#include <time.h>

#include "common/civil_date.h"
#include "gate/step/remote_files.h"
#include "policy/decision.h"

namespace backupctl::step {

/// That the clock can be right as far as this host knows (policy/clock.h): a backup with another day's date, a history under
/// it, or a deletion would do harm (D3, D4). @param service  whose archives attest it; empty: none do Error: Exit::bad_config,
/// nothing was done.
Result<> check_clock(Context& context, const std::string& service, CivilDate today);

/// Remembers that this host committed an archive of this date (retention's rule 4). @param bytes  its size, for --check
/// @param when  unix seconds: now, or of one that is found there, when it was made
Result<> note_committed(Context& context, const policy::Service& service, const std::string& remote, CivilDate date,
                        std::int64_t bytes, std::int64_t when = ::time(nullptr));

/// Retention on one remote (policy.md, "Retention"): lists anew, counts the archives whose manifest is good, deletes the oldest
/// that no rule keeps, at most max_delete a day, each with its reason in the journal (D4). Our own old temporaries are swept.
/// @param before  what lay there before this run, by a listing under the service's lock; with this run's archive it tells
///   whether there can be anything to do at all, and only then anything is listed anew (rule 7) and read
/// @param committed  the name of this run's archive
/// @return how many archives were deleted
Result<std::int64_t> prune(Context& context, RemoteFiles& remote, const policy::Plan& plan, CivilDate today,
                           const std::string& keys, std::vector<Entry> before, const std::string& committed);

}  // namespace backupctl::step
