#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate/state/lock.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;

namespace {

/// Queues for `name` behind `start`, holds it until SIGTERM, and then ends.
pid_t step_process(StateFixture& fixture, const std::string& name) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  monitor::Output output(false, "step", ::open("/dev/null", O_WRONLY | O_CLOEXEC));
  monitor::Session session(output, std::chrono::seconds(60), false);
  const auto lock = state::take_any(fixture.state(), {name}, std::chrono::seconds(60), session, "busy", "start");
  static_cast<void>(session.wait({}));
  ::_exit(lock ? 0 : 1);
}

bool is_free(StateFixture& fixture, const std::string& name) {
  const auto lock = state::Lock::try_take(fixture.state(), name);
  return lock && lock->has_value();
}

}  // namespace

TEST_CASE("S4: whoever takes a lock over gets it although others queue for it") {
  StateFixture fixture;
  std::vector<pid_t> steps;
  for (int i = 0; i < 4; ++i) steps.push_back(step_process(fixture, "service-x"));
  for (int i = 0; i < 100 && is_free(fixture, "service-x"); ++i) ::usleep(10'000);
  monitor::Output output(false, "start x");
  {
    monitor::Session session(output, std::chrono::seconds(20), false);
    const auto began = monitor::Clock::now();
    const auto start = state::take_any(fixture.state(), {"start"}, std::chrono::seconds(5), session, "busy");
    REQUIRE(start);
    const auto lock = state::take_over(fixture.state(), "service-x", std::chrono::seconds(20), session);
    CHECK(lock);
    CHECK(monitor::Clock::now() - began < std::chrono::seconds(10));
  }
  for (const pid_t pid : steps) ::kill(pid, SIGKILL);
  for (const pid_t pid : steps) ::waitpid(pid, nullptr, 0);
}

TEST_CASE("S4: a lock that passes from hand to hand is taken over all the same") {
  StateFixture fixture;
  const pid_t first = step_process(fixture, "service-y");
  for (int i = 0; i < 100 && is_free(fixture, "service-y"); ++i) ::usleep(10'000);
  const pid_t second = step_process(fixture, "service-y");
  ::usleep(200'000);
  monitor::Output output(false, "start y");
  monitor::Session session(output, std::chrono::seconds(20), false);
  CHECK(state::take_over(fixture.state(), "service-y", std::chrono::seconds(20), session));
  for (const pid_t pid : {first, second}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

TEST_CASE("S4: a step that queues lets a start pass") {
  StateFixture fixture;
  monitor::Output output(false, "step z", ::open("/dev/null", O_WRONLY | O_CLOEXEC));
  monitor::Session session(output, std::chrono::seconds(20), false);
  const auto take = [&] {
    return state::take_any(fixture.state(), {"service-z"}, std::chrono::seconds(0), session, "busy", "start-z");
  };
  {
    const auto start = state::Lock::try_take(fixture.state(), "start-z");
    REQUIRE(start);
    REQUIRE(start->has_value());
    CHECK(is_free(fixture, "service-z"));
    CHECK_FALSE(take());
  }
  CHECK(take());
}
