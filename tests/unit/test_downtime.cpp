#include "gate/lease/downtime.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;

namespace {

policy::Guard guard() {
  policy::Guard limits;
  limits.max_down = policy::Seconds{7200};
  limits.min_up = policy::Seconds{60};
  limits.max_down_per_day = policy::Seconds{21600};
  return limits;
}

lease::Lease stopped_for(std::int64_t seconds) {
  policy::Controller controller;
  controller.name = "planka";
  controller.kind = policy::ControllerKind::podman;
  auto lease = lease::make("planka", "default", controller, {"planka"}, policy::Seconds{7200}, policy::Seconds{300});
  REQUIRE(lease);
  lease->created -= seconds;
  return *lease;
}

constexpr std::int64_t second = 1'000'000'000;

}  // namespace

TEST_CASE("S6: a client may keep a service down for max_down, and no longer than the day's rest") {
  const std::string boot = *lease::boot_id();
  CHECK(lease::allowance({}, guard(), boot) == policy::Seconds{7200});
  StateFixture fixture;
  lease::note_started(fixture.state(), stopped_for(10000));
  lease::Downtime downtime = lease::read_downtime(fixture.state(), "planka");
  CHECK(downtime.seconds >= 10000);
  CHECK(downtime.boot_id == boot);
  CHECK_FALSE(lease::allowance(downtime, guard(), boot));  // min_up
  downtime.started -= 61 * second;
  CHECK(lease::allowance(downtime, guard(), boot) == policy::Seconds{7200});
  lease::note_started(fixture.state(), stopped_for(9000));
  downtime = lease::read_downtime(fixture.state(), "planka");
  CHECK(downtime.seconds >= 19000);
  CHECK(downtime.seconds < 19010);
  downtime.started -= 61 * second;
  CHECK(lease::allowance(downtime, guard(), boot) == policy::Seconds{21600 - downtime.seconds});
  downtime.seconds = 21600;
  CHECK_FALSE(lease::allowance(downtime, guard(), boot));
  downtime.day = "2001-01-01";
  CHECK(lease::allowance(downtime, guard(), boot) == policy::Seconds{7200});
}

TEST_CASE("S6: another boot forgets when a service was started, not how long it stood still") {
  lease::Downtime downtime{"another", lease::boot_clock(), "2001-01-01", 0};
  CHECK(lease::allowance(downtime, guard(), *lease::boot_id()) == policy::Seconds{7200});
}

TEST_CASE("a clock that was set back counts nothing, and a damaged record keeps nobody from stopping") {
  StateFixture fixture;
  lease::note_started(fixture.state(), stopped_for(-5000));
  CHECK(lease::read_downtime(fixture.state(), "planka").seconds == 0);
  fixture.write("history/planka.down", "rubbish");
  CHECK(lease::read_downtime(fixture.state(), "planka").boot_id.empty());
}

TEST_CASE("S1: a lease is due at its deadline, and at once in another boot") {
  const std::string boot = *lease::boot_id();
  lease::Lease lease = stopped_for(0);
  CHECK_FALSE(lease::is_due(lease, boot));
  CHECK(lease::is_due(lease, "another"));
  lease.deadline = lease::boot_clock() - 1;
  CHECK(lease::is_due(lease, boot));
}
