#include <time.h>

#include "gate/lease/store.h"
#include "gate/step/health.h"
#include "gate/step/service_stop.h"
#include "gate/step/snapshot.h"
#include "gate/step/step.h"

namespace backupctl::step {
namespace {

/// What makes the tree fit to be read: a snapshot, or the service stopped until the end.
Result<std::optional<double>> bring_to_rest(Context& context, const policy::Service& service) {
  const policy::Controller* controller = controller_of(context, service);
  if (service.consistency == policy::Consistency::snapshot) {
    const auto info = take_snapshot(context, service);
    if (!info) return pass(info.error());
    context.taken = *info;
    return info->downtime;
  }
  if (service.consistency == policy::Consistency::hot || controller == nullptr) return std::optional<double>{};
  context.output.step("stopping the service");
  if (const auto stopped = stop_service(context, service, *controller); !stopped) return pass(stopped.error());
  return std::optional<double>{};
}

/// Starts what a lease lists, whatever became of the backup (S1). @return the seconds since it was stopped, where there was one
Result<std::optional<double>> end_downtime(Context& context, const std::string& service) {
  const auto lease = lease::read(context.state.fd(), service);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return std::optional<double>{};
  context.output.step("starting the service");
  if (auto started = start_again(context, **lease); !started) return pass(started.error());
  const std::int64_t downtime = ::time(nullptr) - (*lease)->created;
  return downtime >= 0 ? std::optional(static_cast<double>(downtime)) : std::nullopt;
}

void add(Report& all, const Report& part) {
  all.text += fmt::format("{}{}", all.text.empty() ? "" : ", ", part.text);
  all.fields.insert(all.fields.end(), part.fields.begin(), part.fields.end());
}

}  // namespace

Result<Report> backup(Context& context, const policy::Plan& plan) {
  if (plan.service->source == policy::SourceKind::volumes) return backup_volumes(context, plan);
  if (plan.service->source == policy::SourceKind::bucket) return backup_bucket(context, plan);
  if (plan.service->source != policy::SourceKind::tree)
    return archive(context, plan);  // a server, which is asked while it runs
  auto downtime = bring_to_rest(context, *plan.service);
  if (!downtime) return pass(downtime.error());
  Report report;
  std::optional<Error> fault;
  // A mirror that fails costs neither the archive nor the start.
  for (const auto step : {sync, archive}) {
    if (fault && context.session.over()) break;
    const auto done = step(context, plan);
    if (done)
      add(report, *done);  // an archive that is there already is no fault of a night
    else if (!fault)
      fault = done.error();
    else
      context.output.note(done.error().sentence, true);
  }
  const auto started = end_downtime(context, plan.service->name);
  if (!started)
    return fault ? fail(started.error().exit, "{}; {}", fault->sentence, started.error().sentence) : pass(started.error());
  if (fault) return pass(*fault);
  if (const auto seconds = *started ? *started : *downtime) {
    report.fields.push_back(monitor::seconds_field("downtime", *seconds));
    const auto healthy = wait_healthy(context, *plan.service);
    if (!healthy) return fail(healthy.error().exit, "{}; the backup is made and kept", healthy.error().sentence);
    add_health(report.fields, *healthy);
  }
  return report;
}

}  // namespace backupctl::step
