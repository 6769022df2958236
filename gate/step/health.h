#pragma once

#include "gate/step/context.h"

namespace backupctl::step {

/// Waits until a service answers as its policy's `health` wants, asked once a second by the role "prober". A key of JSON may
/// hold no "=". @return the seconds it took, nothing where the policy asks for none. Error: Exit::unavailable, not within its
/// time; the service runs all the same.
Result<std::optional<double>> wait_healthy(Context& context, const policy::Service& service);

/// What is said of it in a step's result.
void add_health(std::vector<monitor::Field>& fields, const std::optional<double>& seconds);

}  // namespace backupctl::step
