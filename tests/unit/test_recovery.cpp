#include "gate/state/recovery.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;
using state::Recovery;
using Phase = state::Recovery::Phase;

namespace {

Recovery sample() {
  return {"all",
          1774749600,
          std::string(64, 'a'),
          {{"db", Phase::done, 12.345, "restored db (db-2026-03-29.dump)"},
           {"queue", Phase::begun},
           {"files", Phase::failed, 0.5, "two\nlines \x1b[2J"},
           {"www", Phase::left_out},
           {"start:app"}}};
}

}  // namespace

TEST_CASE("a recovery's record comes back as it was, on one line a step whatever a step said") {
  const auto back = state::parse_recovery(state::serialize(sample()));
  REQUIRE(back);
  CHECK(back->plan == "all");
  CHECK(back->begun == 1774749600);
  CHECK(back->policy == std::string(64, 'a'));
  REQUIRE(back->steps.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(back->steps[i].name == sample().steps[i].name);
    CHECK(back->steps[i].phase == sample().steps[i].phase);
    CHECK(back->steps[i].seconds == doctest::Approx(sample().steps[i].seconds));
  }
  CHECK(back->steps[0].text == "restored db (db-2026-03-29.dump)");
  CHECK(back->steps[2].text == "two\\x0alines \\x1b[2J");
  CHECK(back->steps[4].text.empty());
}

TEST_CASE("the next step is the first that is neither done nor left out") {
  Recovery recovery = sample();
  CHECK(recovery.next() == 1);
  recovery.steps[1].phase = Phase::done;
  CHECK(recovery.next() == 2);
  recovery.steps[2].phase = recovery.steps[4].phase = Phase::done;
  CHECK(recovery.next() == 5);
}

TEST_CASE("a recovery's record that is cut off or changed anywhere is none") {
  const std::string whole = state::serialize(sample());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CHECK_FALSE(state::parse_recovery(whole.substr(0, i)));
    std::string changed = whole;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    CHECK_FALSE(state::parse_recovery(changed));
  }
}

TEST_CASE("a recovery's record on disk: written over, listed, removed; a damaged or foreign one is said and not guessed at") {
  StateFixture fixture;
  CHECK_FALSE(state::read_recovery(fixture.state(), "all").value());
  CHECK(state::list_recoveries(fixture.state()).empty());
  Recovery recovery = sample();
  REQUIRE(state::write_recovery(fixture.state(), recovery));
  recovery.steps[1].phase = Phase::done;
  REQUIRE(state::write_recovery(fixture.state(), recovery));
  CHECK(state::read_recovery(fixture.state(), "all").value()->next() == 2);
  fixture.write("recoveries/all-20260329T020000Z.json", "{}\n");  // a report of one that ended
  CHECK(state::list_recoveries(fixture.state()) == std::vector<std::string>{"all"});
  fixture.write("recoveries/other", fixture.read("recoveries/all"));
  CHECK(state::read_recovery(fixture.state(), "other").error().exit == Exit::io_error);
  fixture.write("recoveries/all", fixture.read("recoveries/all") + "step done 0 start:app \n");
  CHECK(state::read_recovery(fixture.state(), "all").error().exit == Exit::io_error);
  CHECK(state::remove_recovery(fixture.state(), "all"));
  CHECK(state::remove_recovery(fixture.state(), "all"));
  CHECK_FALSE(state::read_recovery(fixture.state(), "all").value());
}
