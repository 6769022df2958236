#include "gate/service/containers.h"

#include <fcntl.h>

#include <algorithm>

#include "common/io.h"
#include "gate/service/kinds.h"
#include "gate/service/signals.h"

// How a container is stopped. `podman stop --time N` sends the stop signal, waits, and after N seconds sends SIGKILL: no way
// to end a database. So N is beyond any life, and the grace is the time our own podman client gets. Seen with podman 4.3.1:
// - A client that is ended while it waits leaves the container "stopping" with its process alive; that is kept until the
//   process ends. Then it is "exited" as after any stop. `podman start` refuses a "stopping" container.
// - A client that is ended a moment earlier leaves it "stopping" with a process that was never sent its stop signal, and that
//   runs on for ever. Another `podman stop` sends it. The two cannot be told apart, so that is done when waiting was in vain.
// - Ended by SIGTERM the client exits 0. So only what inspect says afterwards counts.
// - `podman kill --signal TERM` and waiting would leave it "running", but a container with --restart=always comes back at
//   once (kill does not count as stopped by the user), and one that ends late could not be told from one that stays.
// Docker has no word for "stopping": a container that was told and goes on is "running". Its `stop`, ended while it waits,
// means another thing in each of its versions (a kill, in some). So the signal is sent with `docker kill`, which since 1.9
// counts as stopped by the user where it is the container's own stop signal, and a `docker wait` that can be ended at any time
// waits; and a start asks the events whether one that runs was told to stop. A command that does not handle its stop signal
// would never end; it is recognized before anything is stopped.

namespace backupctl::service {
namespace {

/// The longest that podman takes (an unsigned 32-bit number of seconds); 136 years.
constexpr std::string_view never = "4294967295";

/// What makes a container unfit for stopping; seen before the first is stopped.
Result<> check_stoppable(const Container& container) {
  if (container.removed_when_stopped)
    return fail(Exit::bad_config,
                "container {} was made with --rm and would be gone when stopped; nothing was stopped: make it without --rm, or "
                "let the systemd unit that makes it be the controller",
                container.name);
  if (container.pid == 0) return {};
  UniqueFd fd(::open(fmt::format("/proc/{}/status", container.pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};  // it ended in this moment
  const auto status = read_all(fd.get(), 16384);
  if (status && would_be_dropped(*status, signal_number(container.stop_signal)))
    return fail(
        Exit::unavailable,
        "container {} does not handle its stop signal {} and would have to be killed; nothing was stopped: make it with "
        "--init or with the --stop-signal that its program knows",
        container.name, container.stop_signal);
  return {};
}

/// Tells some containers to stop, and waits for all of them.
Result<> stop_together(const Engine& engine, const std::vector<Container>& containers, Seconds grace, const Budget& budget,
                       const Runner& run) {
  const Seconds left = budget.left();
  const Seconds wait = std::min(grace, left);
  const std::string what = "stopping " + join(names_of(containers));
  if (engine.docker)
    for (const Container& each : containers) {
      // Of one that has just ended docker says that it is not running: what counts is what inspect says afterwards.
      auto told = run(each.runs() ? with(engine, {"container", "kill", "--signal", each.stop_signal, "--"}, {each.name})
                                  : with(engine, {"container", "stop", "--time", never, "--"}, {each.name}),
                      wait);
      if (!told) return pass(std::move(told.error()));
    }
  auto done = engine.docker ? run_checked(run, with(engine, {"container", "wait", "--"}, names_of(containers)), wait, what)
                            : run_checked(run, with(engine, {"stop", "--time", never, "--"}, names_of(containers)), wait, what);
  if (done) return {};
  if (done.error().exit == Exit::timed_out && grace < left)
    return fail(
        Exit::unavailable,
        "{} did not stop within the grace of {} s and was not killed; give the controller a longer grace if it needs one",
        join(names_of(containers)), grace.count());
  return pass(std::move(done.error()));
}

/// How long a container that was told to stop is believed to be on its way: the grace a policy has by default.
constexpr Seconds patience{30};

/// Waits for one that was told to stop: it cannot be started before, and must not be forgotten (S1). One that does not end
/// is told once more by podman, whose client may have been ended before it sent the signal.
Result<> await_end(const Engine& engine, const std::string& name, const Budget& budget, const Runner& run) {
  auto ended = run_checked(run, with(engine, {"wait", "--"}, {name}), std::min(patience, budget.left() / 2),
                           "waiting for the end of " + name);
  if (!ended && ended.error().exit == Exit::timed_out && !engine.docker)
    ended = run_checked(run, with(engine, {"stop", "--time", never, "--"}, {name}), budget.left(), "stopping " + name);
  if (ended) return {};
  return fail(
      Exit::unavailable,
      "container {} was told to stop, still has not, and cannot be started before it does: end it by hand ({} kill {}), "
      "then start the service again",
      name, engine.word(), name);
}

/// Brings one container up.
Result<> start_one(const Engine& engine, const Container& container, const Budget& budget, const Runner& run) {
  const std::string& name = container.name;
  bool stopping = container.status == "stopping";
  if (container.runs() && engine.docker) {
    auto told = told_to_stop(engine, container, run);
    if (!told) return pass(std::move(told.error()));
    stopping = *told;
  }
  if (container.runs() && !stopping) return {};
  if (stopping) {
    if (auto ended = await_end(engine, name, budget, run); !ended) return ended;
  } else if (!container.at_rest()) {
    return fail(Exit::unavailable, "container {} is {}, which the gate did not cause and does not undo", name,
                container.status);
  }
  auto started = run_checked(run, with(engine, {"start", "--"}, {name}), budget.left(), "starting container " + name);
  if (!started) return pass(std::move(started.error()));
  return {};
}

}  // namespace

Names names_of(const std::vector<Container>& containers) {
  Names names;
  for (const Container& each : containers) names.push_back(each.name);
  return names;
}

ServiceState state_of(const std::vector<Container>& known, const Names& names) {
  ServiceState state;
  for (const Container& container : known) {
    if (container.runs())
      state.running.push_back(container.name);
    else if (container.at_rest())
      state.stopped.push_back(container.name);
    else
      state.other.push_back(fmt::format("{} ({})", container.name, container.status));
    state.started += fmt::format("{}:{};", container.name, container.started_at);
  }
  for (const std::string& name : names)
    if (std::none_of(known.begin(), known.end(), [&](const Container& each) { return each.name == name; }))
      state.missing.push_back(name);
  return state;
}

Result<> stop_containers(const Engine& engine, const std::vector<Names>& groups, Seconds grace, Seconds within,
                         const Runner& run) {
  const Budget budget(within);
  Names units;
  for (const Names& group : groups) units.insert(units.end(), group.begin(), group.end());
  auto known = inspect(engine, units, run);
  if (!known) return pass(std::move(known.error()));
  for (const Container& container : *known)
    if (auto fit = check_stoppable(container); !fit) return fit;
  for (const Names& group : groups) {
    std::vector<Container> together;
    for (const Container& each : *known)
      if (std::find(group.begin(), group.end(), each.name) != group.end()) together.push_back(each);
    if (together.empty()) continue;
    if (auto done = stop_together(engine, together, grace, budget, run); !done) return done;
  }
  known = inspect(engine, units, run);
  if (!known) return pass(std::move(known.error()));
  for (const Container& container : *known)
    if (!container.at_rest())
      return fail(Exit::unavailable, "container {} is {} after it was stopped; does a systemd unit or another tool start it?",
                  container.name, container.status);
  return {};
}

Result<> start_containers(const Engine& engine, std::string_view service, const Names& units, Seconds within,
                          const Runner& run) {
  const Budget budget(within);
  auto known = inspect(engine, units, run);
  if (!known) return pass(std::move(known.error()));
  std::optional<Error> first;
  // Containers at rest come first: none of them waits for one that hangs in its stop.
  std::stable_partition(known->begin(), known->end(), [](const Container& each) { return !each.at_rest(); });
  for (auto container = known->rbegin(); container != known->rend(); ++container)
    if (auto done = start_one(engine, *container, budget, run); !done && !first) first = std::move(done.error());
  if (first) return pass(std::move(*first));
  known = inspect(engine, units, run);
  if (!known) return pass(std::move(known.error()));
  const ServiceState state = state_of(*known, units);
  if (state.running.size() == units.size()) return {};
  if (!state.missing.empty())
    return fail(Exit::unavailable, "{} ran before and {} no longer: create it, then start {}", join(state.missing),
                state.missing.size() == 1 ? "exists" : "exist", service);
  return fail(Exit::unavailable, "{} was started and does not stay up; see {} logs", join(state.stopped), engine.word());
}

}  // namespace backupctl::service
