#pragma once

#include <string>

#include "common/result.h"
#include "gate/service/controller.h"
#include "gate/state/state_dir.h"

/// The guardian keeps the promise that a stopped service starts again (S1): a process `backupctl --guardian NAME` for each
/// lease, no child of the gate, in a session of its own, so that neither the end of ssh nor that of the gate takes it along.
namespace backupctl::lease {

/// The lock that a service's guardian holds as long as it lives.
std::string guardian_lock(const std::string& service);

/// Sees to it that the service has a guardian, after its lease was written. With systemd it gets a transient unit of its own
/// (systemd-run(1)), since the end of an ssh session may end all processes of its scope; without, it is detached by hand.
/// @param run  for systemd-run. Error: Exit::unavailable; then nothing may be stopped.
Result<> ensure_guardian(const state::StateDir& state, const service::Runner& run, const std::string& policy_path,
                         const std::string& service);

}  // namespace backupctl::lease
