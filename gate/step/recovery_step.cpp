#include "gate/step/recovery_step.h"

#include <algorithm>

#include "gate/lease/store.h"
#include "gate/state/kept.h"
#include "gate/step/health.h"
#include "gate/step/proof.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"
#include "gate/step/while_stopped.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

using Phase = state::Recovery::Phase;
constexpr std::string_view start_word = "start:";

/// Stops what runs of a service, and takes over the lease that it may have: its guardian would start it in the middle.
Result<> bring_to_rest(Context& context, const policy::Service& service, const policy::Controller& controller) {
  const auto lock = hold_service(context, service.name, "nothing was restored");
  if (!lock) return pass(lock.error());
  const auto lease = lease::read(context.state.fd(), service.name);
  if (!lease) return pass(lease.error());
  const auto state = service::query(controller, service.name, controller_runner(context.session),
                                    lease->has_value() ? std::optional(false) : std::nullopt);
  if (!state) return pass(state.error());
  if (const service::Names units = state->to_stop(); !units.empty()) {
    context.output.step(fmt::format("stopping {}, which a later step starts", service.name));
    if (auto stopped =
            service::stop(controller, service.name, units, std::min(context.session.left(), context.policy.gate.timeouts.stop),
                          stopping_runner(context.session, context.state, service.name));
        !stopped)
      return fail(stopped.error().exit, "{}; nothing was restored, and {} may stand still in part", stopped.error().sentence,
                  service.name);
  }
  return lease->has_value() ? lease::remove(context.state.fd(), service.name) : Result<>{};
}

/// The last that is started is the first that is stopped.
Result<> rest_what_comes_later(Context& context, const policy::Recovery& plan, std::size_t index) {
  for (std::size_t i = plan.steps.size(); i > index + 1; --i) {
    const policy::Controller* controller = started_by(context.policy, plan.steps[i - 1]);
    if (controller == nullptr) continue;
    for (const policy::Service& service : users_of(context.policy, plan, *controller))
      if (auto rests = bring_to_rest(context, service, *controller); !rests) return rests;
  }
  return {};
}

Result<Report> restore_service(Context& context, const policy::Service& service, Phase before) {
  RestoreWish wish = recovery_wish(service);
  const auto earlier = state::read_exchange(context.state, service.name);
  if (!earlier) return pass(earlier.error());
  if (earlier->has_value() && (*earlier)->phase == state::Exchange::Phase::kept && before == Phase::begun &&
      !is_of_paths(**earlier, service)) {
    if (!service.probe.empty())
      return fail(
          Exit::unavailable,
          "{} was restored ({}) just when the last run was killed, and whether its probes print what they should was not "
          "seen: look at it and go on with the step behind it (--from), or put the old data back with "
          "--restore-rollback {} and run the plan again",
          service.name, (*earlier)->backup, service.name);
    return Report{"restored and verified by the run that was killed then",
                  {monitor::text_field("archive", (*earlier)->backup)}};
  }
  // Of a server: a second restore of the same would find what the first put aside, and refuse.
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value() && (*kept)->concluded && (*kept)->part.empty() && before == Phase::begun)
    return Report{"restored by the run that was killed then", {}};
  // Of a host without a history "latest" is not known to be the one that an earlier run put in place.
  if (earlier->has_value() && (*earlier)->phase == state::Exchange::Phase::unproven && before != Phase::waiting)
    if (const auto name = policy::parse_archive_name((*earlier)->backup)) wish.date = name->date;
  return restore(context, wish);
}

/// Starts what does not run of it, and sees that all of it goes on running.
Result<std::optional<double>> start_service(Context& context, const policy::Service& service,
                                            const policy::Controller& controller) {
  if (auto ended = end_lease(context.state, context.session, service.name); !ended) return pass(ended.error());
  const auto look = [&] { return service::query(controller, service.name, controller_runner(context.session), false); };
  auto state = look();
  if (!state) return pass(state.error());
  if (!state->missing.empty()) {
    if (controller.up.empty())
      return fail(Exit::unavailable, "{} does not exist, so it cannot be started: create it, then go on",
                  state->missing.front());
    if (auto made = create_containers(context, controller); !made) return pass(made.error());
    state = look();
    if (!state) return pass(state.error());
  }
  const auto locks = clear_the_way(context.state, context.session, service.name);
  if (!locks) return pass(locks.error());
  if (!state->stopped.empty()) context.output.step(fmt::format("starting {}", service.name));
  if (auto started = service::start(controller, service.name, state->stopped,
                                    std::min(context.session.left(), context.policy.gate.timeouts.start),
                                    controller_runner(context.session));
      !started)
    return pass(started.error());
  service::Names units = state->running;
  for (const service::Names* more : {&state->stopped, &state->missing}) units.insert(units.end(), more->begin(), more->end());
  if (units.empty()) return fail(Exit::unavailable, "controller.{} knows nothing that could be started", controller.name);
  return prove_running(context, service, controller, units);
}

Result<Report> start_all(Context& context, const policy::Recovery& plan, const policy::Controller& controller) {
  Report report{"", {}};
  std::string names;
  for (const policy::Service& service : users_of(context.policy, plan, controller)) {
    const auto healthy = start_service(context, service, controller);
    if (!healthy) return pass(healthy.error());
    names += (names.empty() ? "" : ", ") + service.name;
    add_health(report.fields, *healthy);
  }
  report.text = names + " runs";
  return report;
}

}  // namespace

const policy::Controller* started_by(const policy::Policy& policy, const std::string& step) {
  if (!step.starts_with(start_word)) return nullptr;
  const auto found = policy.controllers.find(step.substr(start_word.size()));
  return found == policy.controllers.end() ? nullptr : &found->second;
}

bool is_of_paths(const state::Exchange& exchange, const policy::Service& service) {
  // A whole tree changes places in the directory above it, or entry by entry.
  return std::any_of(exchange.areas.begin(), exchange.areas.end(),
                     [&](const state::Exchange::Area& area) { return !area.entries && area.base == service.path; });
}

RestoreWish recovery_wish(const policy::Service& service) {
  return {.service = service.name, .mirror = service.source == policy::SourceKind::bucket};
}

std::vector<policy::Service> users_of(const policy::Policy& policy, const policy::Recovery& plan,
                                      const policy::Controller& controller) {
  std::vector<policy::Service> named, all;
  for (const auto& [name, service] : policy.services) {
    if (service.controller != controller.name) continue;
    all.push_back(service);
    if (std::find(plan.steps.begin(), plan.steps.end(), name) != plan.steps.end()) named.push_back(service);
  }
  if (!named.empty()) return named;
  if (all.empty()) all.emplace_back().name = controller.name;
  return all;
}

Result<Report> take_step(Context& context, const policy::Recovery& plan, std::size_t index, Phase before) {
  const std::string& step = plan.steps.at(index);
  if (const policy::Controller* controller = started_by(context.policy, step); controller != nullptr)
    return start_all(context, plan, *controller);
  const auto service = restorable(context, step);
  if (!service) return pass(service.error());
  if (auto rest = rest_what_comes_later(context, plan, index); !rest) return pass(rest.error());
  return restore_service(context, **service, before);
}

}  // namespace backupctl::step
