#include <algorithm>

#include "gate/config/policy_file.h"
#include "gate/state/exchange_record.h"
#include "gate/state/history.h"
#include "gate/state/kept.h"
#include "gate/state/memory.h"
#include "gate/step/helpers.h"
#include "gate/step/recovery_step.h"
#include "gate/step/runner.h"
#include "gate/step/stored_archive.h"
#include "gate/step/stored_mirror.h"

namespace backupctl::step {
namespace {

using Phase = state::Recovery::Phase;

/// What a restore would take.
struct Newest {
  std::string name, from, wish;  ///< wish: what --restore is told to take this one
  CivilDate date;
  std::int64_t bytes = 0;
};

/// 20260301 of 20260301-020000.
CivilDate date_of(const std::string& id) {
  return parse_date(fmt::format("{}-{}-{}", id.substr(0, 4), id.substr(4, 2), id.substr(6, 2))).value_or(CivilDate{});
}

Result<Newest> find_newest(Context& context, const policy::Service& service) {
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  if (service.source == policy::SourceKind::volumes) {
    const auto found = find_snapshot(context, service, {}, *keys);
    if (!found) return pass(found.error());
    return Newest{"snapshot " + found->id, found->from, "--snapshot-id " + found->id, date_of(found->id),
                  found->record.bytes()};
  }
  if (recovery_wish(service).mirror) {
    const auto found = find_mirror(context, service, *keys, service.remotes);
    if (!found) return pass(found.error());
    if (auto may = check_in_place(context, service, *found); !may) return pass(may.error());
    const auto date = date_in_zone(found->record.number[1], context.policy.gate.timezone);
    return Newest{"mirror", found->remote->name, "--mirror", date.value_or(CivilDate{}), found->bytes()};
  }
  const auto found = find_archive(context, service, {}, *keys, service.remotes);
  if (!found) return pass(found.error());
  return Newest{found->name, found->remote->name, "--archive " + format_date(found->date), found->date,
                found->manifest.number[0]};
}

Error decide_first(const std::string& service, const std::string& backup) {
  return {
      Exit::unavailable,
      fmt::format("what an earlier restore of {}{} replaced is still kept; give it up with --restore-commit {}, or put it back "
                  "with --restore-rollback {}",
                  service, backup, service, service)};
}

/// D6: old files of another restore are somebody's to decide about, and that before anything is stopped.
Result<> check_free(Context& context, const policy::Service& service, Phase before) {
  const auto exchange = state::read_exchange(context.state, service.name);
  if (!exchange) return pass(exchange.error());
  if (exchange->has_value() && (*exchange)->phase == state::Exchange::Phase::kept &&
      (before != Phase::begun || is_of_paths(**exchange, service)))
    return tl::make_unexpected(decide_first(service.name, " (" + (*exchange)->backup + ")"));
  if (before == Phase::begun) return {};
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value()) return tl::make_unexpected(decide_first(service.name, ""));
  return {};
}

Result<Outlook> outlook_of_start(Context& context, const policy::Recovery& plan, const policy::Controller& controller) {
  std::string text;
  for (const policy::Service& service : users_of(context.policy, plan, controller)) {
    const auto state = service::query(controller, service.name, controller_runner(context.session));
    if (!state) return pass(state.error());
    if (!state->missing.empty() && controller.up.empty())
      text = fmt::format("{} does not exist yet and has to be created before", state->missing.front());
    else if (!state->to_stop().empty() && text.empty())
      text = "runs now";
  }
  return Outlook{.text = text.empty() ? "stands still now" : text, .rests = text.empty()};
}

}  // namespace

Outlook estimate(Context& context, const std::string& step) {
  const state::Memory memory = state::read_memory(context.state, step);
  Outlook outlook;
  if (started_by(context.policy, step) != nullptr || !memory.rehearsed) return outlook;
  outlook.seconds = memory.rehearsed;
  if (const auto good = memory.good.find("drill"); good != memory.good.end())
    if (const auto date = date_in_zone(good->second, context.policy.gate.timezone)) outlook.drilled = format_date(*date);
  return outlook;
}

Result<Outlook> look_ahead(Context& context, const policy::Recovery& plan, const std::string& step, Phase before) {
  if (const policy::Controller* controller = started_by(context.policy, step); controller != nullptr)
    return outlook_of_start(context, plan, *controller);
  Outlook outlook = estimate(context, step);
  const auto service = restorable(context, step);
  if (!service) return pass(service.error());
  if (auto none = check_free(context, **service, before); !none) return pass(none.error());
  const auto newest = find_newest(context, **service);
  if (!newest) return pass(newest.error());
  // X6: the step itself would refuse it.
  const auto history = state::read_history(context.state, step);
  if (!history) return pass(history.error());
  if (history->newest_committed && *history->newest_committed > newest->date)
    return fail(
        Exit::bad_data,
        "the newest backup of {} on its remotes is {}, and this host committed a newer one on {}: somebody removed or hid "
        "backups; if that is the one to take, say so (--restore {} {}), and go on with the step behind (--from)",
        step, newest->name, format_date(*history->newest_committed), step, newest->wish);
  outlook.text = fmt::format("{} of {}, {}, from {}", newest->name, format_date(newest->date),
                             monitor::human_bytes(newest->bytes), newest->from);
  return outlook;
}

}  // namespace backupctl::step
