#pragma once

#include <string>

#include "gate/state/exchange_record.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// What becomes of a restore in the journal (X9).
void tell_journal(Context& context, const std::string& service, const std::string& text);

/// No snapshot of the trees that were there is shipped from now on.
Result<> forget_snapshots(Context& context, const policy::Service& service);

/// Puts the old files in place, with the service at rest. Error: state::put_back()'s.
Result<> put_back_and_tell(Context& context, const policy::Service& service, const state::Exchange& exchange);

/// Gives up what a restore put aside. Exit::skipped when there is nothing.
Result<Report> restore_commit(Context& context, const std::string& name);

/// Puts the old files back, with the service stopped, and starts what ran before the restore. What had been restored is put
/// aside until restore_commit() or the next restore: the service may have written to it.
Result<Report> restore_rollback(Context& context, const std::string& name);

}  // namespace backupctl::step
