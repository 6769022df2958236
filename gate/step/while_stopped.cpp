#include "gate/step/while_stopped.h"

#include "gate/lease/store.h"
#include "gate/state/lock.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"

namespace backupctl::step {
namespace {

constexpr auto time_to_start = std::chrono::minutes(10);  ///< the ceiling of a start (policy.md, timeouts)

/// Stops it if it runs. @return what the lease will start; empty without a lease
Result<service::Names> bring_to_rest(Context& context, const policy::Service& service, const service::Names& due) {
  auto leased = lease::read(context.state.fd(), service.name);
  if (!leased) return pass(leased.error());
  if (const policy::Controller* controller = controller_of(context, service); controller != nullptr) {
    auto state =
        service::query(*controller, service.name, controller_runner(context.session), leased->has_value() ? std::optional(false) : std::nullopt);
    if (!state) return pass(state.error());
    if (!state->at_rest() || !due.empty()) {
      context.output.step("stopping the service");
      if (auto stopped = stop_service(context, service, *controller, due); !stopped) return pass(stopped.error());
      leased = lease::read(context.state.fd(), service.name);
      if (!leased) return pass(leased.error());
    }
  } else {
    context.output.note("the service has no controller, so nothing was stopped: start anew by hand what uses its files", true);
  }
  return leased->has_value() ? (*leased)->units : service::Names{};
}

Result<> start_again(Context& context, const std::string& service) {
  if (context.session.over()) context.session.allow_grace(time_to_start);
  context.output.step("starting the service");
  // Whoever else may have ended the lease meanwhile (the guardian, a client) has started it.
  const auto ended = end_lease(context.state, context.session, service);
  if (ended) return {};
  return fail(Exit::unavailable, "the service could not be started: {}; its lease stays, and the host tries again", ended.error().sentence);
}

}  // namespace

Result<double> while_stopped(Context& context, const policy::Service& service, const service::Names& due,
                             const std::function<Result<>(const service::Names& ran)>& change) {
  const auto wait = context.policy.gate.lock_wait;
  Result<> done;
  const auto began = monitor::Clock::now();
  bool leased = false;
  {
    auto lock =
        state::take_any(context.state, {"service-" + service.name}, wait, context.session,
                        fmt::format("another step of {} has run for {} s, so nothing was exchanged; try again later", service.name, wait.count()),
                        start_lock(service.name));
    if (!lock) return pass(lock.error());
    if (auto whole = settle_restore(context.state, service.name); !whole) return pass(whole.error());
    const auto ran = bring_to_rest(context, service, due);
    if (!ran) return pass(ran.error());
    leased = !ran->empty();
    // Told to end, by a start that waits for the lock perhaps: nothing begins any more.
    done =
        context.session.over() && !context.session.in_grace() ? fail(Exit::unavailable, "told to end before anything was exchanged") : change(*ran);
  }
  if (!leased) return done ? Result<double>(0.0) : pass(done.error());
  const auto started = start_again(context, service.name);
  if (!done) return fail(done.error().exit, "{}; {}", done.error().sentence, started ? "the service runs again as before" : started.error().sentence);
  if (!started) return pass(started.error());
  return std::chrono::duration<double>(monitor::Clock::now() - began).count();
}

}  // namespace backupctl::step
