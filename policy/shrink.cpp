#include "policy/shrink.h"

#include <algorithm>

namespace backupctl::policy {

std::uint64_t least_size(const Limit& max_shrink, std::vector<std::uint64_t> predecessors) {
  if (predecessors.empty()) return 0;
  // The lower one of two in the middle: of two predecessors the smaller counts, so that a doubt lets the archive pass.
  const auto middle = predecessors.begin() + static_cast<std::ptrdiff_t>((predecessors.size() - 1) / 2);
  std::nth_element(predecessors.begin(), middle, predecessors.end());
  if (!max_shrink.percent) return *middle - std::min(*middle, max_shrink.value);
  // Whole percents first: sizes of archives do not overflow this way.
  return *middle / 100 * (100 - std::min<std::uint64_t>(100, max_shrink.value));
}

}  // namespace backupctl::policy
