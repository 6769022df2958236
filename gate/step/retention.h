#pragma once

#include "common/civil_date.h"
#include "gate/step/remote_files.h"
#include "policy/decision.h"

namespace backupctl::step {

/// Remembers that this host committed an archive of this date (retention's rule 4).
Result<> note_committed(Context& context, const policy::Service& service, CivilDate date);

/// Retention on one remote (policy.md, "Retention"): lists anew, counts the archives whose manifest is good, deletes the oldest
/// that no rule keeps, at most max_delete a day, each with its reason in the journal (D4). Our own old temporaries are swept.
/// @return how many archives were deleted
Result<std::int64_t> prune(Context& context, RemoteFiles& remote, const policy::Plan& plan, CivilDate today, const std::string& keys);

}  // namespace backupctl::step
