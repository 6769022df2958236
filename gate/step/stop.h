#pragma once

#include "gate/service/controller.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// Stops what runs of a service, under a lease and a guardian's watch (S1), whatever its consistency; with the service's lock
/// held. Error: what was stopped runs again as before, or the lease stays.
/// @param due  units that the lease starts although they do not run now
Result<Report> stop_under_lease(Context& context, const policy::Service& service, const policy::Controller& controller,
                                const service::Names& due = {});

}  // namespace backupctl::step
