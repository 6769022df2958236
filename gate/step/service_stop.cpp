#include "gate/step/service_stop.h"

#include <algorithm>

#include "common/escape.h"
#include "gate/lease/downtime.h"
#include "gate/lease/guardian.h"
#include "gate/lease/store.h"
#include "gate/step/runner.h"

namespace backupctl::step {
namespace {

constexpr std::chrono::minutes time_to_start{10};  ///< policy.md, timeouts

/// After a stop that failed half way: the service runs again as before, and only then the lease ends (S1).
Error undo(Context& context, const lease::Lease& lease, Error why) {
  if (auto started = start_again(context, lease); !started) return {why.exit, why.sentence + "; " + started.error().sentence};
  return {why.exit, why.sentence + "; the service runs again as before"};
}

/// The service's lease with what runs now added, or a new one.
Result<lease::Lease> lease_for(Context& context, const policy::Service& service, const policy::Controller& controller,
                               std::optional<lease::Lease> existing, const service::Names& running) {
  if (existing) {
    lease::add_units(*existing, running);
    return std::move(*existing);
  }
  auto max_down = service.guard.max_down;
  if (context.over_gate) {  // S6: the day's allowance bounds this one as well
    const auto boot = lease::boot_id();
    if (!boot) return pass(boot.error());
    const auto allowed = lease::allowance(lease::read_downtime(context.state, service.name), service.guard, *boot);
    // Asked once more: what waited in the queue was allowed when it came, and others of it have stopped the service since.
    if (!allowed)
      return fail(Exit::not_permitted,
                  "the service was started only just now, or stood still too long today already, so it was not stopped; try "
                  "again later");
    max_down = *allowed;
  }
  return lease::make(service.name, context.caller, controller, running, max_down, service.guard.idle_down);
}

}  // namespace

const policy::Controller* controller_of(const Context& context, const policy::Service& service) {
  const auto found = context.policy.controllers.find(service.controller);
  return found == context.policy.controllers.end() ? nullptr : &found->second;
}

Result<> start_again(Context& context, const lease::Lease& lease) {
  const monitor::SeenThrough through(context.session, time_to_start);
  const service::Runner run = controller_runner(context.session);
  if (auto started = service::start(lease.controller, lease.service, lease.units, context.session.left(), run); !started)
    return fail(started.error().exit, "it could not be started again ({}): its lease stays, start it with backupctl --start {}",
                started.error().sentence, lease.service);
  lease::note_started(context.state, lease);  // S6: stops that fail, one after the other, keep it down as well
  return lease::remove(context.state.fd(), lease.service);
}

Result<std::optional<Stopped>> stop_service(Context& context, const policy::Service& service,
                                            const policy::Controller& controller, const service::Names& due) {
  const service::Runner run = controller_runner(context.session);
  auto leased = lease::read(context.state.fd(), service.name);
  if (!leased) return pass(leased.error());
  const bool had_lease = leased->has_value();
  auto state = service::query(controller, service.name, run, had_lease ? std::optional(false) : std::nullopt);
  if (!state) return pass(state.error());
  if (!state->other.empty() && due.empty())
    return fail(Exit::unavailable,
                "{} neither runs nor is stopped, so nothing was stopped; bring it to rest or start it by hand",
                state->other.front());
  // What is not found under its name may run under another, and write.
  if (due.empty() && !state->missing.empty() && !had_lease)
    return fail(Exit::unavailable, "{} does not exist, so nothing was stopped; create it or mend controller.{} in the policy",
                state->missing.front(), controller.name);
  if (state->running.empty() && due.empty()) return std::optional<Stopped>{};

  service::Names units = due;
  state->running = state->to_stop();  // what goes back must stop also what neither runs nor rests (D6)
  for (const std::string& unit : state->running)
    if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
  auto lease = lease_for(context, service, controller, std::move(*leased), units);
  if (!lease) return pass(lease.error());
  if (auto written = lease::write(context.state.fd(), *lease); !written) return pass(written.error());
  if (auto guarded = lease::ensure_guardian(context.state, run, context.policy_path, service.name); !guarded) {
    if (!had_lease) static_cast<void>(lease::remove(context.state.fd(), service.name));
    return pass(guarded.error());
  }
  const auto began = monitor::Clock::now();
  const auto within = std::min<policy::Seconds>(context.session.left(), std::chrono::hours(24));
  if (auto stopped = service::stop(controller, service.name, state->running, within,
                                   stopping_runner(context.session, context.state, service.name));
      !stopped)
    return pass(undo(context, *lease, stopped.error()));
  const double seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  return std::optional(Stopped{std::move(*lease), state->running.size(), seconds, began});
}

Result<> create_containers(Context& context, const policy::Controller& controller) {
  context.output.step("creating the containers");
  const auto made = controller_runner(context.session)(controller.up, context.policy.gate.timeouts.start);
  if (!made) return pass(made.error());
  if (!made->timed_out && made->status == 0) return {};
  return fail(Exit::unavailable, "controller.{}.up {}: {}", controller.name,
              made->timed_out ? "took too long" : fmt::format("ended with {}", made->status),
              escape_line(made->err.substr(made->err.size() - std::min<std::size_t>(made->err.size(), 300)), 400));
}

}  // namespace backupctl::step
