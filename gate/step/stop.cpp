#include <algorithm>

#include "gate/lease/downtime.h"
#include "gate/lease/guardian.h"
#include "gate/lease/store.h"
#include "gate/step/runner.h"
#include "gate/step/stop.h"

namespace backupctl::step {
namespace {

/// After a stop that failed half way: the service runs again as before, and only then the lease ends (S1). Has its own time,
/// since the request's may be what ran out.
Error start_again(Context& context, const lease::Lease& lease, Error why) {
  context.session.allow_grace(std::chrono::minutes(10));
  const service::Runner run = controller_runner(context.session);
  const auto started = service::start(lease.controller, lease.service, lease.units, context.session.left(), run);
  if (!started)
    return {why.exit, fmt::format("{}; it could not be started again either ({}): its lease stays, start it with backupctl --start {}",
                                  why.sentence, started.error().sentence, lease.service)};
  lease::note_started(context.state, lease);  // S6: stops that fail, one after the other, keep it down as well
  if (const auto ended = lease::remove(context.state.fd(), lease.service); !ended) why.sentence += "; " + ended.error().sentence;
  return {why.exit, why.sentence + "; the service runs again as before"};
}

/// The service's lease with what runs now added, or a new one.
Result<lease::Lease> lease_for(Context& context, const policy::Service& service, const policy::Controller& controller,
                               const service::Names& running) {
  auto existing = lease::read(context.state.fd(), service.name);
  if (!existing) return pass(existing.error());
  if (existing->has_value()) {
    lease::add_units(**existing, running);
    return std::move(**existing);
  }
  auto max_down = service.guard.max_down;
  if (context.over_gate) {  // S6: the day's allowance bounds this one as well
    const auto boot = lease::boot_id();
    if (!boot) return pass(boot.error());
    max_down = lease::allowance(lease::read_downtime(context.state, service.name), service.guard, *boot).value_or(policy::Seconds(0));
  }
  return lease::make(service.name, context.caller, controller, running, max_down, service.guard.idle_down);
}

}  // namespace

Result<Report> stop_under_lease(Context& context, const policy::Service& service, const policy::Controller& controller,
                                const service::Names& due) {
  const service::Runner run = controller_runner(context.session);
  auto leased = lease::read(context.state.fd(), service.name);
  if (!leased) return pass(leased.error());
  auto state = service::query(controller, service.name, run, leased->has_value() ? std::optional(false) : std::nullopt);
  if (!state) return pass(state.error());
  if (!state->other.empty())
    return fail(Exit::unavailable, "{} neither runs nor is stopped, so nothing was stopped; bring it to rest or start it by hand", state->other.front());
  if (state->running.empty() && due.empty() && !state->missing.empty() && !leased->has_value())
    return fail(Exit::unavailable, "{} does not exist, so nothing was stopped; create it or mend controller.{} in the policy",
                state->missing.front(), controller.name);
  if (state->running.empty() && due.empty()) return Report{"does not run, so nothing was stopped", {}};

  service::Names units = due;
  for (const std::string& unit : state->running)
    if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
  auto lease = lease_for(context, service, controller, units);
  if (!lease) return pass(lease.error());
  if (auto written = lease::write(context.state.fd(), *lease); !written) return pass(written.error());
  if (auto guarded = lease::ensure_guardian(context.state, run, context.policy_path, service.name); !guarded) {
    if (!leased->has_value()) static_cast<void>(lease::remove(context.state.fd(), service.name));
    return pass(guarded.error());
  }
  const auto began = monitor::Clock::now();
  const auto within = std::min<policy::Seconds>(context.session.left(), std::chrono::hours(24));
  if (auto stopped = service::stop(controller, service.name, state->running, within, run); !stopped)
    return pass(start_again(context, *lease, stopped.error()));
  const double seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  return Report{fmt::format("stopped {} unit{}", state->running.size(), state->running.size() == 1 ? "" : "s"),
                {monitor::seconds_field("stopping", seconds)}};
}

Result<Report> stop(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const auto found = context.policy.controllers.find(service.controller);
  if (found == context.policy.controllers.end() || service.consistency == policy::Consistency::hot)
    return Report{"is backed up while it runs, so nothing was stopped", {}};
  return stop_under_lease(context, service, found->second);
}

}  // namespace backupctl::step
