#pragma once

#include <cstdint>
#include <vector>

#include "policy/policy.h"

namespace backupctl::policy {

/// How many of its newest predecessors an archive is compared with.
inline constexpr std::size_t predecessors_compared = 7;

/// What an archive must have at least to be believed beside its predecessors (guard.max_shrink): what the limit leaves of their
/// median, which one odd archive does not move.
/// @param predecessors  their sizes in bytes, in any order. @return bytes; 0 when there are none
std::uint64_t least_size(const Limit& max_shrink, std::vector<std::uint64_t> predecessors);

}  // namespace backupctl::policy
