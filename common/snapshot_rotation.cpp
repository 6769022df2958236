#include "common/snapshot_rotation.h"

#include <algorithm>
#include <string_view>

namespace backupctl {

std::vector<std::string> snapshots_to_remove(std::vector<std::string> ids, std::size_t keep) {
  const auto same_day = [](const std::string& a, const std::string& b) {
    return std::string_view(a).substr(0, 8) == std::string_view(b).substr(0, 8);
  };
  std::vector<std::string> gone;
  while (ids.size() > keep) {
    auto victim = std::adjacent_find(ids.begin(), ids.end(), same_day);
    if (victim == ids.end()) victim = ids.begin();
    gone.push_back(std::move(*victim));
    ids.erase(victim);
  }
  return gone;
}

}  // namespace backupctl
