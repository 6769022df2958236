#pragma once

#include "gate/service/controller.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// The real Runner of service/controller.h: runs a program in the role "controller": not confined, since the containers it
/// starts would inherit that, but with nothing of the caller's environment, limits or signals left.
/// @param session  may end the program early; a step that must go on (starting a service) gives its grace first.
service::Runner controller_runner(monitor::Session& session);

/// The same for stopping a service: what runs when the gate is killed is ended by whoever starts the service next (S1).
service::Runner stopping_runner(monitor::Session& session, const state::StateDir& state, const std::string& service);

}  // namespace backupctl::step
