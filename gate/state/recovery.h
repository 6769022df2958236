#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// How far a recovery plan came, as a record on disk: written before a step begins and after it ended, so that after a crash
/// the same plan goes on where it was. While there is one, what the plan starts at its end may stand still without a lease.
struct Recovery {
  enum class Phase {
    waiting,
    begun,     ///< not seen to end: it may have done nothing, something or everything
    failed,    ///< it ended, and not as it should
    done,      ///< … and was verified
    left_out,  ///< by the operator's --from
  };
  struct Step {
    std::string name;  ///< as the policy has it: a service, or "start:CONTROLLER"
    Phase phase = Phase::waiting;
    double seconds = 0;     ///< that it took, once it ended
    std::string text = {};  ///< what it did, or what went wrong; one line
  };
  std::string plan;
  std::int64_t begun = 0;  ///< seconds since 1970
  std::string policy;      ///< digest of the file that said what the steps mean
  std::vector<Step> steps;

  /// The first step that is neither done nor left out; steps.size() when there is none.
  [[nodiscard]] std::size_t next() const;
  /// A run has begun a step of it, or was told to leave one out.
  [[nodiscard]] bool under_way() const;
};

/// The word of a phase in records and for people: "waiting", "begun", "failed", "done", "left-out".
std::string_view word(Recovery::Phase phase);

/// One spelling: a SHA-256 of all that follows, then a line for each thing. Public for the tests.
std::string serialize(const Recovery& recovery);
std::optional<Recovery> parse_recovery(std::string_view bytes);

/// `state_dir/recoveries/PLAN`; nothing when there is none. Error: Exit::io_error, it cannot be read or is damaged.
Result<std::optional<Recovery>> read_recovery(const StateDir& state, const std::string& plan);
/// Durably, in place of the one before. Error: Exit::io_error; then the one before still holds.
Result<> write_recovery(const StateDir& state, const Recovery& recovery);
/// Durably; needs no room on the disk (D8).
Result<> remove_recovery(const StateDir& state, const std::string& plan);
/// The plans that have one, sorted.
std::vector<std::string> list_recoveries(const StateDir& state);

}  // namespace backupctl::state
