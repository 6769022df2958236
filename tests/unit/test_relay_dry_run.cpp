#include <doctest/doctest.h>

#include "gate/relay/dry_run.h"
#include "relay_harness.h"

using backupctl::Exit;
using backupctl::Record;
using backupctl::test::relay_run;

namespace {

std::string skipped(const std::string& action, const std::string& object) {
  return R"({"level":"warning","msg":"Skipped )" + action + R"( as --dry-run is set","object":")" + object +
         R"(","skipped":")" + action + "\"}\n";
}

std::string stats(int checks, int deletes, int renames, int transfers, int errors = 0) {
  return R"({"level":"warning","msg":"t","stats":{"checks":)" + std::to_string(checks) +
         ",\"deletes\":" + std::to_string(deletes) + ",\"renames\":" + std::to_string(renames) +
         ",\"transfers\":" + std::to_string(transfers) + ",\"errors\":" + std::to_string(errors) + "}}\n";
}

using Numbers = std::array<std::int64_t, 5>;
Numbers numbers(const Record& r) { return {r.number[0], r.number[1], r.number[2], r.number[3], r.number[4]}; }

}  // namespace

TEST_CASE("D3: what a sync would do, as rclone 1.60.1 says it (mirror of 6: one gone, one changed, one new)") {
  const auto out = relay_run({"dry-run"}, skipped("copy", "f6") + skipped("move", "f2") + skipped("copy", "f2") +
                                              skipped("move into backup dir", "f3") + skipped("make directory", "d") +
                                              skipped("update modification time", "f4") + stats(7, 1, 1, 2));
  REQUIRE(out.done());
  CHECK(numbers(out.last()) == Numbers{1, 1, 6, 1, 0});
  CHECK(out.of(Record::Kind::note).empty());  // nothing to tell the user
  REQUIRE(out.of(Record::Kind::progress).size() == 1);
  CHECK(out.records[0].number == decltype(Record::number){0, 0, 0, -1, 2, 7, 2, 0});
}

TEST_CASE("D3: where lines and statistics differ, the greater number counts") {
  CHECK(numbers(relay_run({"dry-run"}, skipped("delete", "a") + skipped("delete", "b") + stats(0, 1, 0, 0)).last()) ==
        Numbers{2, 0, 2, 0, 0});
  CHECK(numbers(relay_run({"dry-run"}, skipped("move", "a") + skipped("copy", "a") + stats(1, 0, 0, 0)).last()) ==
        Numbers{0, 1, 1, 0, 0});
  CHECK(numbers(relay_run({"dry-run"}, stats(10, 3, 2, 4)).last()) == Numbers{3, 2, 8, 2, 0});
  CHECK(numbers(relay_run({"dry-run"}, R"({"level":"error","msg":"x"})"
                                       "\n" +
                                           stats(1, 0, 0, 0))
                    .last()) == Numbers{0, 0, 1, 0, 1});
}

TEST_CASE("names that cannot be where they are are counted among the errors, and alone") {
  const std::string odd = R"({"level":"error","msg":"Entry doesn't belong in directory \"x\" (same as directory) - ignoring"})"
                          "\n";
  const auto out = relay_run({"dry-run"}, odd + odd + R"({"level":"error","msg":"x"})" + "\n" + stats(1, 0, 0, 0));
  CHECK(out.last().number[4] == 3);
  CHECK(out.last().number[5] == 2);
}

TEST_CASE("D3: a dry run that did not end with figures allows nothing") {
  CHECK(relay_run({"dry-run"}, "").failed(Exit::unavailable));
  CHECK(relay_run({"dry-run"}, skipped("copy", "a") + "panic: boom\n").failed(Exit::unavailable));
  for (const std::string& text : backupctl::test::hostile_inputs())
    CHECK(relay_run({"dry-run"}, text).failed(Exit::unavailable));
}

TEST_CASE("a file's name cannot hide a deletion") {
  const auto out = relay_run({"dry-run"}, skipped("move into backup dir", R"(x\",\"skipped\":\"copy)") + stats(1, 1, 0, 0));
  CHECK(out.last().number[0] == 1);
}
