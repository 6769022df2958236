#include "gate/step/in_place_end.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gate/journal/journal.h"
#include "gate/state/exchange.h"
#include "gate/step/in_place.h"
#include "gate/step/restore_postgres.h"
#include "gate/step/restore_redis.h"
#include "gate/step/restore_server.h"
#include "gate/step/service_start.h"
#include "gate/step/while_stopped.h"

namespace backupctl::step {

void tell_journal(Context& context, const std::string& service, const std::string& text) {
  const auto told =
      journal::append(context.state, {"restore", {{"service", service}, {"text", text}}}, journal::Durability::now);
  if (!told) context.output.note(told.error().sentence, true);
}

Result<> forget_snapshots(Context& context, const policy::Service& service) {
  if (service.consistency == policy::Consistency::hot) return {};
  if (service.source == policy::SourceKind::tree && service.consistency != policy::Consistency::snapshot) return {};
  const auto places = places_of(context, service);
  // Of volumes none is shipped by its age, and the way back must not fail for an engine that knows them no more.
  if (!places && service.source == policy::SourceKind::volumes) return {};
  if (!places) return pass(places.error());
  for (const StagedTree& place : *places)
    if (auto forgotten = forget_snapshot(place); !forgotten) return forgotten;
  return {};
}

Result<> put_back_and_tell(Context& context, const policy::Service& service, const state::Exchange& exchange) {
  if (auto forgotten = forget_snapshots(context, service); !forgotten) return forgotten;
  if (auto back = state::put_back(context.state, exchange); !back) return back;
  tell_journal(context, exchange.service, fmt::format("{}; restored was {}", exchange.gone_back(), exchange.backup));
  return {};
}

Result<Report> restore_commit(Context& context, const std::string& name) {
  const auto found = restorable(context, name);
  if (!found) return pass(found.error());
  const policy::Service& service = **found;
  if (service.source == policy::SourceKind::postgres || service.source == policy::SourceKind::redis)
    return commit_server(context, service);
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto record = settled_record(context, service);
  if (!record) return pass(record.error());
  std::vector<std::string> stages;
  if (record->has_value()) {
    for (const state::Exchange::Area& area : (*record)->areas) stages.push_back(area.stage);
  } else {
    const auto places = places_of(context, service);
    if (!places) return pass(places.error());
    for (const StagedTree& place : *places) stages.push_back(Ground::stage_of(place));
    if (std::none_of(stages.begin(), stages.end(), [](const std::string& stage) { return ::access(stage.c_str(), F_OK) == 0; }))
      return Report{"nothing is kept of a restore, so nothing was done", {}, Exit::skipped};
  }
  // The record first: half of the old files must never be put back.
  if (auto removed = state::remove_exchange(context.state, service.name); !removed) return pass(removed.error());
  for (const std::string& stage : stages)
    if (!remove_stage(stage))
      return fail_errno(Exit::io_error, errno, "the restore is final, but not all of {} could be removed; try again", stage);
  if (record->has_value() && !(*record)->replaced())
    return Report{"the restore is final; nothing was there before it, so nothing had been put aside", {}};
  return Report{"what the restore had put aside is gone", {}};
}

Result<Report> restore_rollback(Context& context, const std::string& name) {
  const auto found = restorable(context, name);
  if (!found) return pass(found.error());
  const policy::Service& service = **found;
  if (service.source == policy::SourceKind::postgres) return rollback_postgres(context, service);
  if (service.source == policy::SourceKind::redis) return rollback_redis(context, service);
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto before = state::read_exchange(context.state, service.name).value_or(std::nullopt);
  const auto record = settled_record(context, service);
  if (!record) return pass(record.error());
  if (!before)
    return fail(Exit::unavailable, "nothing is kept of a restore of {}, so there is nothing to put back", service.name);
  double downtime = 0;
  if (record->has_value()) {
    const auto back = while_stopped(
        context, service, (*record)->units,
        [&](const service::Names&) -> Result<> { return put_back_and_tell(context, service, **record); }, nullptr,
        after_going_back(service, **record));
    if (!back) return pass(back.error());
    downtime = *back;
  } else if (auto ended = end_lease(context.state, context.session, service.name); !ended) {
    return pass(ended.error());
  }
  Report report{fmt::format("{}; what had been restored is in {} until --restore-commit {} removes it, or the next restore",
                            before->gone_back(), before->stages(), service.name),
                {}};
  if (record->has_value() && after_going_back(service, **record) == After::rest)
    context.output.note("nothing of the service ran before the restore, so it is stopped", false);
  if (downtime > 0) report.fields.push_back(monitor::seconds_field("downtime", downtime));
  return report;
}

}  // namespace backupctl::step
