#include "gate/step/service_stop.h"
#include "gate/step/snapshot.h"
#include "gate/step/step.h"

namespace backupctl::step {

Result<Report> stop(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr || service.consistency == policy::Consistency::hot)
    return Report{"is backed up while it runs, so nothing was stopped", {}};
  // wire.md: an unchanged four-step scheduler gets the short downtime. Volumes have no steps that a snapshot would wait for.
  if (service.consistency == policy::Consistency::snapshot && service.source == policy::SourceKind::tree)
    return snapshot(context, plan);
  auto stopped = stop_service(context, service, *controller);
  if (!stopped) return pass(stopped.error());
  if (!stopped->has_value()) return Report{"does not run, so nothing was stopped", {}};
  return Report{fmt::format("stopped {} unit{}", (*stopped)->units, (*stopped)->units == 1 ? "" : "s"),
                {monitor::seconds_field("stopping", (*stopped)->seconds)}};
}

}  // namespace backupctl::step
