#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

#include "policy/shrink.h"

using namespace backupctl::policy;

TEST_CASE("an archive is compared with the median of its predecessors (guard.max_shrink)") {
  const Limit share{80, true};
  CHECK(least_size(share, {}) == 0);
  CHECK(least_size(share, {1000}) == 200);
  CHECK(least_size(share, {5000, 1000, 2000}) == 400);
  CHECK(least_size(share, {1, 1000, 1000, 1000, 900000}) == 200);
  CHECK(least_size(share, {1000, 5000}) == 200);
  CHECK(least_size({100, true}, {1000}) == 0);
  CHECK(least_size({0, true}, {1000}) == 1000);
  CHECK(least_size({300, false}, {1000}) == 700);
  CHECK(least_size({3000, false}, {1000}) == 0);
  const auto huge = std::numeric_limits<std::uint64_t>::max();
  CHECK(least_size(share, {huge}) == huge / 100 * 20);
}
