#include <fcntl.h>

#include <algorithm>

#include "common/io.h"
#include "gate/service/kinds.h"
#include "gate/service/podman_inspect.h"
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
// A command that does not handle its stop signal would stay "stopping" for ever; it is recognized before anything is stopped.

namespace backupctl::service {
namespace {

using podman::Container;

/// The longest that podman takes (an unsigned 32-bit number of seconds); 136 years.
constexpr std::string_view never = "4294967295";

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

Result<ServiceState> query_podman(const policy::Controller& controller, std::string_view, const Runner& run,
                                  std::optional<bool>) {
  auto podman = podman::program(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  Names names = controller.containers;
  if (!controller.pod.empty()) {
    auto members = podman::members(*podman, controller.pod, run);
    if (!members) return pass(std::move(members.error()));
    if (!*members) {
      ServiceState state;
      state.missing.push_back(controller.pod);
      return state;
    }
    names = std::move(**members);
  }
  if (names.empty()) return ServiceState{};
  auto known = podman::inspect(*podman, names, run);
  if (!known) return pass(std::move(known.error()));
  return state_of(*known, names);
}

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
  if (status && would_be_dropped(*status, container.stop_signal))
    return fail(
        Exit::unavailable,
        "container {} does not handle its stop signal {} and would have to be killed; nothing was stopped: make it with "
        "--init or with the --stop-signal that its program knows",
        container.name, container.stop_signal);
  return {};
}

/// Stops some containers at once and waits for all of them.
Result<> stop_together(const policy::Argv& podman, const Names& names, Seconds grace, const Budget& budget, const Runner& run) {
  const Seconds left = budget.left();
  auto done = run_checked(run, podman::with(podman, {"stop", "--time", never, "--"}, names), std::min(grace, left),
                          "stopping " + join(names));
  if (done) return {};
  if (done.error().exit == Exit::timed_out && grace < left)
    return fail(
        Exit::unavailable,
        "{} did not stop within the grace of {} s and was not killed; give the controller a longer grace if it needs one",
        join(names), grace.count());
  return pass(std::move(done.error()));
}

Result<> stop_podman(const policy::Controller& controller, std::string_view, const Names& units, Seconds within,
                     const Runner& run) {
  const Budget budget(within);
  auto podman = podman::program(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  auto known = podman::inspect(*podman, units, run);
  if (!known) return pass(std::move(known.error()));
  for (const Container& container : *known)
    if (auto fit = check_stoppable(container); !fit) return fit;
  // A pod has no order of its own; containers are stopped one by one, because podman stops several at once.
  std::vector<Names> groups;
  if (!controller.pod.empty())
    groups.push_back(units);
  else
    for (const std::string& unit : units) groups.push_back({unit});
  for (const Names& group : groups)
    if (auto done = stop_together(*podman, group, controller.grace, budget, run); !done) return done;
  known = podman::inspect(*podman, units, run);
  if (!known) return pass(std::move(known.error()));
  for (const Container& container : *known)
    if (!container.at_rest())
      return fail(Exit::unavailable, "container {} is {} after it was stopped; does a systemd unit or another tool start it?",
                  container.name, container.status);
  return {};
}

/// How long a "stopping" container is believed to be on its way: the grace a policy has by default.
constexpr Seconds patience{30};

/// Brings one container up. A "stopping" one is awaited: it cannot be started before, and must not be forgotten (S1). One that
/// does not end is told once more: a signal never sent is likelier by then than a stop that a second one would spoil.
Result<> start_one(const policy::Argv& podman, const Container& container, const Budget& budget, const Runner& run) {
  const std::string& name = container.name;
  if (container.runs()) return {};
  if (container.status == "stopping") {
    auto ended = run_checked(run, podman::with(podman, {"wait", "--"}, {name}), std::min(patience, budget.left() / 2),
                             "waiting for the end of " + name);
    if (!ended && ended.error().exit == Exit::timed_out)
      ended =
          run_checked(run, podman::with(podman, {"stop", "--time", never, "--"}, {name}), budget.left(), "stopping " + name);
    if (!ended)
      return fail(Exit::unavailable,
                  "container {} was told to stop, still has not, and cannot be started before it does: end it by hand (podman "
                  "kill {}), then start the service again",
                  name, name);
  } else if (!container.at_rest()) {
    return fail(Exit::unavailable, "container {} is {}, which the gate did not cause and does not undo", name,
                container.status);
  }
  auto started = run_checked(run, podman::with(podman, {"start", "--"}, {name}), budget.left(), "starting container " + name);
  if (!started) return pass(std::move(started.error()));
  return {};
}

Result<> start_podman(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
                      const Runner& run) {
  const Budget budget(within);
  auto podman = podman::program(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  auto known = podman::inspect(*podman, units, run);
  if (!known) return pass(std::move(known.error()));
  std::optional<Error> first;
  // Containers at rest come first: none of them waits for one that hangs in its stop.
  std::stable_partition(known->begin(), known->end(), [](const Container& each) { return !each.at_rest(); });
  for (auto container = known->rbegin(); container != known->rend(); ++container)
    if (auto done = start_one(*podman, *container, budget, run); !done && !first) first = std::move(done.error());
  if (first) return pass(std::move(*first));
  known = podman::inspect(*podman, units, run);
  if (!known) return pass(std::move(known.error()));
  const ServiceState state = state_of(*known, units);
  if (state.running.size() == units.size()) return {};
  if (!state.missing.empty())
    return fail(Exit::unavailable, "{} ran before and {} no longer: create it, then start {}", join(state.missing),
                state.missing.size() == 1 ? "exists" : "exist", service);
  return fail(Exit::unavailable, "{} was started and does not stay up; see podman logs", join(state.stopped));
}

}  // namespace

const Kind podman_kind{policy::ControllerKind::podman, "podman", query_podman, stop_podman, start_podman};

}  // namespace backupctl::service
