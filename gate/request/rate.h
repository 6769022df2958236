#pragma once

#include <cstdint>
#include <string>

#include "gate/state/state_dir.h"
#include "policy/policy.h"

namespace backupctl::request {

/// How many requests of this client were allowed within the last 60 minutes; 0 for a client without `per_hour`, for whom
/// nothing is kept. Counts lie in state_dir/clients/<client>, as many instants as `per_hour` allows (X11: bounded).
std::uint32_t requests_last_hour(const state::StateDir& state, const policy::Policy& policy, const std::string& client);

/// Counts one more.
void count_request(const state::StateDir& state, const policy::Policy& policy, const std::string& client);

}  // namespace backupctl::request
