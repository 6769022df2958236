#include "client/night.h"

#include <fmt/format.h>

#include "common/exit_code.h"

namespace backupctl::client {
namespace {

constexpr int start_attempts = 3;

StepEnd start(const Request& request, const World& world) {
  StepEnd end;
  for (int attempt = 1; attempt <= start_attempts; ++attempt) {
    if (attempt > 1) world.pause();
    end = world.send(request, "start", true);
    if (!end.unreachable) break;
  }
  return end;
}

}  // namespace

int run_night(const Night& night, const World& world) {
  int failed = 0;
  const auto step = [&](const Request& request, const std::string& label) {
    if (failed != 0) return;
    const int status = world.send(request, label, false).status;
    const bool skipped = request.verb == Verb::archive && status == to_status(Exit::skipped);
    if (status == 0 || skipped) return;
    failed = status;
    world.say(fmt::format("[{}] failed with {}: what is left of tonight's backup is not done, {} is started", label, status,
                          request.name));
  };
  step(night.stop, "stop");
  step(night.sync, "sync");
  if (night.archive)
    step(*night.archive, "archive");
  else if (failed == 0)
    world.say("[archive] skipped: today is not its day");

  const StepEnd started = start(night.start, world);
  if (started.status != 0)
    world.say(fmt::format(
        "[start] {} MAY BE DOWN: starting it failed with {}; the host starts it by itself at its limit, but look now: "
        "backup-client --status {}",
        night.start.name, started.status, night.start.name));
  return failed != 0 ? failed : started.status;
}

}  // namespace backupctl::client
