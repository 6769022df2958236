#include "gate/step/at_rest.h"

#include "gate/lease/store.h"
#include "gate/step/runner.h"

namespace backupctl::step {
namespace {

Result<service::ServiceState> ask(Context& context, const policy::Controller& controller, const std::string& name) {
  auto lease = lease::read(context.state.fd(), name);
  if (!lease) return pass(lease.error());
  // A controller that cannot be asked: it stands still if the gate stopped it last.
  return service::query(controller, name, controller_runner(context.session),
                        lease->has_value() ? std::optional(false) : std::nullopt);
}

}  // namespace

Result<AtRest> AtRest::check(Context& context, const policy::Service& service) {
  AtRest rest;
  const auto found = context.policy.controllers.find(service.controller);
  if (found == context.policy.controllers.end() || service.consistency == policy::Consistency::hot) return rest;
  auto state = ask(context, found->second, service.name);
  if (!state) return pass(state.error());
  if (!state->at_rest())
    return fail(Exit::unavailable,
                "the service is running, and its policy says that it is read only while it stands still; stop it first (--stop "
                "{}); nothing was read",
                service.name);
  rest.service_ = &service;
  rest.controller_ = &found->second;
  rest.started_ = state->started;
  return rest;
}

Result<> AtRest::still(Context& context) const {
  if (controller_ == nullptr) return {};
  auto state = ask(context, *controller_, service_->name);
  if (!state) return pass(state.error());
  if (state->at_rest() && state->started == started_) return {};
  return fail(
      Exit::unavailable,
      "the service was started while it was read, so what was read is no good copy and was not kept; stop it and try again");
}

}  // namespace backupctl::step
