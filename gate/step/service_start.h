#pragma once

#include <optional>
#include <string>

#include "gate/monitor/session.h"
#include "gate/lease/lease.h"
#include "gate/state/state_dir.h"

namespace backupctl::step {

/// Starts what the service's lease lists and ends the lease (S1, S2); needs no policy, slot or journal. Whatever still reads
/// the service is ended first.
/// @return the lease that was ended; nothing when there is none. Error: the lease stays.
Result<std::optional<lease::Lease>> end_lease(const state::StateDir& state, monitor::Session& session, const std::string& name);

}  // namespace backupctl::step
