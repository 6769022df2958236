#pragma once

#include <optional>

#include "gate/service/controller.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// Whether a service that was started runs and goes on running: all its units do, and do still, without having been started
/// anew, after a few seconds; other units of the service may come and go. With the service's lock held, so that no step stops
/// it meanwhile. A controller that cannot be asked is believed, and that is said. Then that it is healthy.
/// @return as wait_healthy() does. Error: Exit::unavailable, which unit does not.
Result<std::optional<double>> prove_running(Context& context, const policy::Service& service,
                                            const policy::Controller& controller, const service::Names& units);

}  // namespace backupctl::step
