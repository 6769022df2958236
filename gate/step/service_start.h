#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gate/lease/lease.h"
#include "gate/monitor/session.h"
#include "gate/state/lock.h"
#include "gate/state/state_dir.h"

namespace backupctl::step {

/// The lock that is held while a service is being started: no step of the service begins meanwhile, so that those queued cannot
/// keep a start waiting one after the other (S4, S6).
std::string start_lock(const std::string& service);

/// Whoever starts or reads a service, with its lock held, first undoes a restore in place that was broken off: nobody sees a
/// mixture of old and restored files (D6). What was started meanwhile by others, as by a reboot, is stopped for it as its lease
/// says, and starts when the lease ends. Error: it cannot be undone; the service is neither started nor read.
/// @param early  before anything is started in this boot: a service stopped in another one need not be asked whether it runs
Result<> settle_restore(const state::StateDir& state, monitor::Session& session, const std::string& service,
                        bool early = false);

/// Whoever starts a service ends what still reads it as if it stood still (architecture.md, "Leases"), and holds the service
/// until both locks are given back. From here on the session is seen through (S1).
Result<std::vector<state::Lock>> clear_the_way(const state::StateDir& state, monitor::Session& session,
                                               const std::string& service);

/// Starts what the service's lease lists and ends the lease (S1, S2); needs no policy, slot or journal. Whatever still reads
/// the service is ended first.
/// @return the lease that was ended; nothing when there is none. Error: the lease stays.
Result<std::optional<lease::Lease>> end_lease(const state::StateDir& state, monitor::Session& session, const std::string& name);

}  // namespace backupctl::step
