#include "gate/step/proof.h"

#include <algorithm>

#include "gate/step/health.h"
#include "gate/step/runner.h"

namespace backupctl::step {
namespace {

constexpr std::chrono::seconds watched{5};  ///< a service that cannot read its files ends within seconds

Result<service::ServiceState> look(Context& context, const policy::Service& service, const policy::Controller& controller,
                                   const service::Names& units) {
  auto state = service::query(service::narrowed(controller, units), service.name, controller_runner(context.session), true);
  if (!state) return state;
  for (const std::string& unit : units)
    if (std::find(state->running.begin(), state->running.end(), unit) == state->running.end())
      return fail(Exit::unavailable, "{} does not run", unit);
  return state;
}

}  // namespace

Result<std::optional<double>> prove_running(Context& context, const policy::Service& service,
                                            const policy::Controller& controller, const service::Names& units) {
  const auto first = look(context, service, controller, units);
  if (!first) return pass(first.error());
  context.output.step(fmt::format("watching the service for {} s", watched.count()));
  if (auto waited = context.session.wait({}, monitor::Clock::now() + watched); !waited) return pass(waited.error());
  const auto second = look(context, service, controller, units);
  if (!second) return pass(second.error());
  if (second->started != first->started)
    return fail(Exit::unavailable, "{} was started anew within {} s", units.front(), watched.count());
  if (controller.kind == policy::ControllerKind::command && controller.status.empty())
    context.output.note("its controller has no status command, so whether it runs is not known", true);
  return wait_healthy(context, service);
}

}  // namespace backupctl::step
