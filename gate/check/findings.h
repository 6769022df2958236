#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gate/state/memory.h"
#include "policy/policy.h"

/// What --check thinks of what this host remembers. Pure: no clock, no file.
namespace backupctl::check {

/// The Monitoring Plugins' states in their own numbers, which are exit codes (Monitoring Plugins Development Guidelines,
/// "Plugin Return Codes"). The worst of several is the highest but for unknown, which only a check that could not be made ends
/// with.
enum class Grade { ok = 0, warning = 1, critical = 2, unknown = 3 };
std::string_view word(Grade grade);

/// When something is a problem. 0: never.
struct Limits {
  policy::Seconds warn_age = std::chrono::days(8), crit_age = std::chrono::days(15);       ///< archives are weekly
  policy::Seconds warn_mirror = std::chrono::days(2), crit_mirror = std::chrono::days(8);  ///< mirrors are nightly
  policy::Seconds warn_drill = std::chrono::days(35);
  policy::Limit warn_drop{50, true};  ///< of the newest archive against the median of those before it
};

struct Finding {
  Grade grade = Grade::ok;
  std::string name;  ///< service or extra target
  std::string text;
};

/// A service: age and size of its archives, on each of its remotes, age of a mirror that was made once, the last drill, and
/// runs that failed last.
/// @param now  unix seconds
std::vector<Finding> judge_service(const std::string& name, const state::Memory& memory,
                                   const std::vector<std::string>& remotes, const Limits& limits, std::int64_t now);
/// An extra target: its mirror.
std::vector<Finding> judge_target(const std::string& name, const state::Memory& memory, const Limits& limits, std::int64_t now);

/// "3 d", "5 h", "12 min": whole units, the largest that is not 0.
std::string span(std::int64_t seconds);

}  // namespace backupctl::check
