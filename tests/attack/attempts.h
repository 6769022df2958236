#pragma once

#include <cstddef>

namespace backupctl::attack {

/// One thing that a compromised child would try. It returns true when it got through.
struct Attempt {
  const char* name;
  bool (*gets_through)();
};

extern const Attempt attempts[];
extern const std::size_t attempt_count;

/// Where the driver puts what the attempts look for (outside of every role's trees, but for the tree itself).
inline constexpr const char* arena = "/var/lib/backupctl-attack";

}  // namespace backupctl::attack
