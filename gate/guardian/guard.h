#pragma once

#include <string>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::guardian {

/// Watches the lease of a service until it has ended, and starts the service itself when the lease is due, or when no step of
/// the service has run for its idle time (S1). A start that fails is tried again, ever more seldom. What it did goes into the
/// journal, or where that cannot be written into syslog. Returns at once when the service has a guardian already, or no lease.
/// Error: the state directory is gone, or SIGTERM.
Result<> guard(const state::StateDir& state, const std::string& service);

/// Starts what is due now, and gives every other lease a guardian again: after a reboot, or when guardians were killed too.
/// @return how many services were started. Error: the first that could not be; all have been tried.
Result<int> recover(const state::StateDir& state, const std::string& policy_path);

/// Undoes every restore in place that was broken off, and starts nothing: early in a boot, before services come up by
/// themselves on a mixture (D6). @param early  nothing is started yet in this boot. Error: the first that could not be undone;
/// all have been tried.
Result<> recover_files(const state::StateDir& state, bool early);

}  // namespace backupctl::guardian
