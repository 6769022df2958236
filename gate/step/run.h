#pragma once

#include <string>

#include "common/request.h"
#include "gate/journal/journal.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// Who runs a step, and how.
struct Options {
  std::string caller = "operator";  ///< client name, or "operator"
  bool over_gate = true;            ///< a client at the other end, whose death ends the step
  bool replace = false;             ///< the operator's --replace
};

/// Runs an allowed request: journals it durably (X9), queues for a slot and for the service (S4), runs the step, journals its
/// end, and tells the client.
/// @param request_entry  what goes into the journal before anything runs
Exit run(const policy::Policy& policy, const std::string& policy_path, const state::StateDir& state, const policy::Plan& plan,
         journal::Entry request_entry, const Options& options);

/// Starts a service whose lease exists while the policy is not valid (S1): the lease alone says what to start.
/// @param broken  what is wrong with the policy; told when there is no lease, since then nothing can be served
Exit start_from_lease(const Request& request, const state::StateDir& state, const Error& broken);

/// Whether this version can run the plan; if not, why, in a sentence for the client.
std::string not_built(const policy::Plan& plan);

}  // namespace backupctl::step
