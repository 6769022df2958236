#include "gate/step/while_stopped.h"

#include "gate/lease/store.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"

namespace backupctl::step {
namespace {

/// Stops it if it runs. @return what the lease will start; empty without a lease
Result<service::Names> bring_to_rest(Context& context, const policy::Service& service, service::Names due, After after) {
  auto leased = lease::read(context.state.fd(), service.name);
  if (!leased) return pass(leased.error());
  if (const policy::Controller* controller = controller_of(context, service); controller != nullptr) {
    auto state = service::query(*controller, service.name, controller_runner(context.session),
                                leased->has_value() ? std::optional(false) : std::nullopt);
    if (!state) return pass(state.error());
    if (after == After::rest) due = state->to_stop();  // also what neither runs nor rests
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

/// What tells whether something started meanwhile; nothing where nobody can be asked.
Result<std::optional<service::ServiceState>> look(Context& context, const policy::Service& service) {
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr) return std::optional<service::ServiceState>{};
  auto state = service::query(*controller, service.name, controller_runner(context.session), false);
  return state ? Result<std::optional<service::ServiceState>>(std::move(*state)) : pass(state.error());
}

/// Files that change places beneath a service that runs leave it with old ones and new ones (D6).
Result<> change_at_rest(Context& context, const policy::Service& service, const std::function<Result<>()>& change) {
  const auto before = look(context, service);
  if (!before) return pass(before.error());
  if (auto done = change(); !done) return done;
  const auto after = look(context, service);
  if (!after) return pass(after.error());
  if (!after->has_value() || ((*after)->at_rest() && (*after)->started == (*before)->started)) return {};
  return fail(Exit::unavailable, "something else started {} while its files changed places; see what does, and keep it from it",
              service.name);
}

/// By the step that holds the service's lock, unless the change left what may be a mixture (D6).
Result<> start_leased(Context& context, const policy::Service& service) {
  const auto lease = lease::read(context.state.fd(), service.name);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return {};
  if (auto whole = settle_restore(context.state, context.session, service.name); !whole) return whole;
  context.output.step("starting the service");
  return start_again(context, **lease);
}

}  // namespace

Result<state::Lock> hold_service(Context& context, const std::string& service, std::string_view state) {
  const auto wait = context.policy.gate.lock_wait;
  return state::take_any(
      context.state, {"service-" + service}, wait, context.session,
      fmt::format("another step of {} has run for {} s, so {}; try again later", service, wait.count(), state),
      start_lock(service));
}

Result<double> while_stopped(Context& context, const policy::Service& service, const service::Names& due,
                             const std::function<Result<>(const service::Names& ran)>& change,
                             const std::function<Result<>(const service::Names& started)>& proof, After after) {
  const auto began = monitor::Clock::now();
  auto lock = hold_service(context, service.name, "nothing was exchanged");
  if (!lock) return pass(lock.error());
  const auto ran = bring_to_rest(context, service, due, after);
  if (!ran) return pass(ran.error());
  auto done = settle_restore(context.state, context.session, service.name);
  // Told to end, by a start that waits for the lock perhaps: nothing begins any more.
  if (done && context.session.over() && !context.session.in_grace())
    done = fail(Exit::unavailable, "told to end before anything was exchanged");
  if (done) done = change_at_rest(context, service, [&] { return change(*ran); });
  double seconds = 0;
  if (done && after == After::rest) {
    auto ended = lease::remove(context.state.fd(), service.name);
    return ended ? Result<double>(0.0) : pass(ended.error());
  }
  if (!ran->empty()) {
    const auto started = start_leased(context, service);
    if (!done)
      return fail(done.error().exit, "{}; {}", done.error().sentence,
                  started ? "the service runs again as before" : started.error().sentence);
    if (!started) return pass(started.error());
    seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  }
  if (!done) return pass(done.error());
  if (auto proven = proof ? proof(*ran) : Result<>{}; !proven) return pass(proven.error());
  return seconds;
}

}  // namespace backupctl::step
