#pragma once

#include "gate/service/engine.h"

/// What the controllers podman and compose do alike: stopping and starting an engine's containers.
namespace backupctl::service {

Names names_of(const std::vector<Container>& containers);

/// @param names  those that should be known
ServiceState state_of(const std::vector<Container>& known, const Names& names);

/// Stops one group after the other, the containers of a group together. Checked before the first is told: that each can be
/// started again, and that its program gets the signal at all.
Result<> stop_containers(const Engine& engine, const std::vector<Names>& groups, Seconds grace, Seconds within,
                         const Runner& run);

/// Starts what does not run, in reverse order.
Result<> start_containers(const Engine& engine, std::string_view service, const Names& units, Seconds within,
                          const Runner& run);

}  // namespace backupctl::service
