#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/civil_date.h"
#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// What retention must remember of a service from night to night (policy.md, "Retention", rules 4 and 7).
struct History {
  std::optional<CivilDate> newest_committed;  ///< newest archive that this host committed
  std::optional<CivilDate> deleted_on;        ///< the day that `deleted` counts
  std::uint32_t deleted = 0;                  ///< archives deleted on that day
};

/// `state_dir/history/<service>`; an empty History when there is none. A damaged one is an Error (Exit::io_error): without it
/// nothing may be deleted.
Result<History> read_history(const StateDir& state, const std::string& service);
/// Written durably before what it counts is done.
Result<> write_history(const StateDir& state, const std::string& service, const History& history);

/// Before this host last made and sent a manifest of the service's mirror, unix seconds; 0: never, or not known. What it
/// remembers only warns of a remote that gives an older mirror back (X6).
std::int64_t last_mirrored(const StateDir& state, const std::string& service);
Result<> note_mirrored(const StateDir& state, const std::string& service, std::int64_t when);

}  // namespace backupctl::state
