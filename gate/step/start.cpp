#include <time.h>

#include "gate/step/health.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"
#include "gate/step/step.h"

namespace backupctl::step {
namespace {

std::string count(std::size_t units, std::string_view what) {
  return fmt::format("{} {} unit{}", what, units, units == 1 ? "" : "s");
}

/// What was started must answer, where the policy says how.
Result<Report> healthy(Context& context, const policy::Service& service, Report report) {
  const auto seconds = wait_healthy(context, service);
  if (!seconds) return pass(seconds.error());
  add_health(report.fields, *seconds);
  return report;
}

}  // namespace

Result<Report> start(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  context.session.see_through();
  auto ended = end_lease(context.state, context.session, service.name);
  if (!ended) return pass(ended.error());
  if (ended->has_value()) {
    // S3. By the wall clock, which both steps see; a clock that was set back meanwhile gives no figure.
    const std::int64_t downtime = ::time(nullptr) - (*ended)->created;
    Report report{count((*ended)->units.size(), "started"), {}};
    if (downtime >= 0) report.fields.push_back(monitor::seconds_field("downtime", static_cast<double>(downtime)));
    return healthy(context, service, std::move(report));
  }
  const auto found = context.policy.controllers.find(service.controller);
  if (found == context.policy.controllers.end())
    return Report{"the service has no controller, so there is nothing to start", {}};
  // Without a lease: what the controller names and does not run.
  const policy::Controller& controller = found->second;
  const service::Runner run = controller_runner(context.session);
  auto state = service::query(controller, service.name, run, std::nullopt);
  if (!state) return pass(state.error());
  if (!state->known) state->stopped = std::move(state->running);  // nobody can tell, and starting twice does no harm
  if (state->stopped.empty() && !state->missing.empty())
    return fail(Exit::unavailable, "{} does not exist, so it cannot be started; create it or mend controller.{} in the policy",
                state->missing.front(), controller.name);
  if (state->stopped.empty()) return Report{"runs already", {}};
  auto locks = clear_the_way(context.state, context.session, service.name);
  if (!locks) return pass(locks.error());
  if (auto started = service::start(controller, service.name, state->stopped, context.session.left(), run); !started)
    return pass(started.error());
  locks->clear();  // nobody need wait while it comes up
  return healthy(context, service, {count(state->stopped.size(), "started"), {}});
}

}  // namespace backupctl::step
