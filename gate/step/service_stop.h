#pragma once

#include <optional>
#include <string>

#include "gate/lease/lease.h"
#include "gate/monitor/output.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// A service that a step stopped.
struct Stopped {
  lease::Lease lease;
  std::size_t units = 0;             ///< stopped just now
  double seconds = 0;                ///< that stopping took
  monitor::Clock::time_point since;  ///< when stopping began (S3)
};

/// Stops what runs of the service, whatever its consistency, under a lease with a guardian (S1, S2); with the service's lock
/// held. One that is stopped already keeps its lease. @param due  units that the lease starts although they do not run now
/// @return nothing when nothing ran and nothing is due. Error: it runs again as before, or its sentence says that it does not.
Result<std::optional<Stopped>> stop_service(Context& context, const policy::Service& service,
                                            const policy::Controller& controller, const service::Names& due = {});

/// Starts what the service's lease lists and ends the lease, by the step that holds the service's lock: nobody else reads it.
/// Has its own time, since the request's may be what ran out. Error: the lease stays, the guardian goes on trying.
Result<> start_again(Context& context, const lease::Lease& lease);

/// The service's controller; nullptr for none.
const policy::Controller* controller_of(const Context& context, const policy::Service& service);

/// Containers that do not exist yet are made, and started, by the policy's `up`, which is not empty. Error: Exit::unavailable.
Result<> create_containers(Context& context, const policy::Controller& controller);

}  // namespace backupctl::step
