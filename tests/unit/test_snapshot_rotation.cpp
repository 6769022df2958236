#include <doctest/doctest.h>

#include "common/snapshot_rotation.h"

using backupctl::snapshots_to_remove;
using Ids = std::vector<std::string>;

TEST_CASE("the oldest go, and none while there are no more than are to stay") {
  const Ids weeks = {"20260301-020000", "20260308-020000", "20260315-020000", "20260322-020000"};
  CHECK(snapshots_to_remove(weeks, 4).empty());
  CHECK(snapshots_to_remove(weeks, 9).empty());
  CHECK(snapshots_to_remove(weeks, 2) == Ids{"20260301-020000", "20260308-020000"});
  CHECK(snapshots_to_remove({}, 1).empty());
  CHECK(snapshots_to_remove(weeks, 0) == weeks);
}

TEST_CASE("nine of one day: the first goes") {
  Ids day;
  for (int i = 0; i < 9; ++i) day.push_back("20260301-02000" + std::to_string(i));
  CHECK(snapshots_to_remove(day, 8) == Ids{"20260301-020000"});
}

TEST_CASE("many of one evening push out one another, and no week before them") {
  Ids ids = {"20260301-020000", "20260308-020000", "20260315-020000"};
  for (int i = 0; i < 50; ++i) {
    ids.push_back(std::string("20260322-02") + (i < 10 ? "0" : "") + std::to_string(i) + "00");
    for (const std::string& each : snapshots_to_remove(ids, 4)) std::erase(ids, each);
  }
  CHECK(ids == Ids{"20260301-020000", "20260308-020000", "20260315-020000", "20260322-024900"});
}
