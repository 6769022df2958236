#include "gate/step/restore_server.h"

#include "gate/step/in_place.h"
#include "gate/step/in_place_end.h"

namespace backupctl::step {

Result<Report> commit_server(Context& context, const policy::Service& service) {
  const auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value() && !(*kept)->concluded)
    return fail(Exit::unavailable,
                "the restore of {} was broken off, and nothing was given up: say the same --restore again, or "
                "--restore-rollback {} for what the server held before",
                service.name, service.name);
  if (auto removed = state::remove_kept(context.state, service.name); !removed) return pass(removed.error());
  if (!kept->has_value()) return Report{"nothing is kept of a restore, so nothing was done", {}, Exit::skipped};
  return Report{"what the restore had put aside is gone", {}};
}

Result<state::Kept> kept_of(Context& context, const policy::Service& service) {
  auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (!kept->has_value())
    return fail(Exit::unavailable, "nothing is kept of a restore of {}, so there is nothing to put back", service.name);
  return std::move(**kept);
}

Report with_origin(Context& context, const policy::Service& service, Report report, const StoredArchive& stored) {
  tell_journal(context, service.name, fmt::format("{} from {} of {}", report.text, stored.name, stored.remote->name));
  report.fields.insert(report.fields.begin(),
                       {monitor::text_field("archive", stored.name), monitor::text_field("from", stored.remote->name)});
  return report;
}

}  // namespace backupctl::step
