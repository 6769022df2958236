#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gate/lease/lease.h"
#include "gate/state/state_dir.h"

/// What a host remembers so that no client keeps a service down (S6): when it was started last, and for how long it stood still
/// today (UTC). One line in `history/SERVICE.down` of the state directory.
namespace backupctl::lease {

struct Downtime {
  std::string boot_id;       ///< of the boot that `started` belongs to
  std::int64_t started = 0;  ///< nanoseconds of CLOCK_BOOTTIME
  std::string day;           ///< YYYY-MM-DD that `seconds` counts
  std::int64_t seconds = 0;
};

/// Nothing known gives an empty one; so does a line that is not understood.
Downtime read_downtime(const state::StateDir& state, const std::string& service);

/// Notes that the lease's service was started just now. Best effort: a start is never kept from a service by what it writes
/// (S1).
void note_started(const state::StateDir& state, const Lease& lease);

/// How long a client may keep the service down from now on: what `max_down` gives and `max_down_per_day` leaves of it.
/// Nothing when it may not stop it at all: it was started less than `min_up` ago, or its time of today is used up.
std::optional<policy::Seconds> allowance(const Downtime& downtime, const policy::Guard& guard, const std::string& this_boot);

}  // namespace backupctl::lease
