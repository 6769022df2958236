#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace backupctl {

/// Which snapshots go where `keep` are to stay: of a day that has several all but its last, oldest first; only then the oldest
/// days'. So whoever asks for many on one evening pushes out what that evening made, and no week before it.
/// @param ids  YYYYMMDD-HHMMSS, sorted. @return in the order in which they go
std::vector<std::string> snapshots_to_remove(std::vector<std::string> ids, std::size_t keep);

}  // namespace backupctl
