#include "gate/step/in_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/io.h"
#include "common/remove.h"
#include "common/room.h"
#include "gate/journal/journal.h"
#include "gate/state/exchange.h"
#include "gate/state/staging.h"
#include "gate/step/health.h"
#include "gate/step/in_place_end.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"
#include "gate/step/volume_snapshot.h"
#include "gate/step/while_stopped.h"

namespace backupctl::step {
namespace {

using Phase = state::Exchange::Phase;

/// The service does not run on what was restored.
Error go_back(Context& context, const policy::Service& service, const state::Exchange& exchange, const std::string& why) {
  context.output.note(fmt::format("the service does not run on what was restored ({}): going back", why), true);
  const After after = after_going_back(service, exchange);
  const auto back = while_stopped(
      context, service, exchange.units, [&](const service::Names&) { return put_back_and_tell(context, service, exchange); },
      nullptr, after);
  if (!back && !state::read_exchange(context.state, service.name).value_or(exchange).has_value())
    return {Exit::unavailable, fmt::format("the service does not run on what was restored ({}); {}, but {}", why,
                                           exchange.gone_back(), back.error().sentence)};
  if (!back)
    return {Exit::unavailable, fmt::format("the service does not run on what was restored ({}), and going back failed: {}; see "
                                           "to it, then run backupctl --restore-rollback {}",
                                           why, back.error().sentence, service.name)};
  for (const state::Exchange::Area& area : exchange.areas) static_cast<void>(remove_stage(area.stage));
  return {Exit::unavailable,
          fmt::format("the service does not run on what was restored ({}), so {}, and it {}", why, exchange.gone_back(),
                      after == After::rest ? "is stopped: nothing of it ran before" : "runs as before")};
}

Error undecided(const policy::Service& service, const std::string& why) {
  return {Exit::unavailable, fmt::format("the service was not seen to run on what was restored ({}), and nothing more was "
                                         "changed: see that it runs and say the same --restore again, or "
                                         "choose: --restore-rollback {} to go back, --restore-commit {} to stay with it",
                                         why, service.name, service.name)};
}

/// It runs on what was restored: what is old is kept until somebody decides.
Result<Report> conclude(Context& context, const policy::Service& service, state::Exchange exchange, double downtime,
                        const Proven& seen) {
  if (!seen.runs && controller_of(context, service) != nullptr)
    context.output.note("the service did not run before, so it was not started", false);
  exchange.phase = Phase::kept;
  if (auto written = state::write_exchange(context.state, exchange); !written) return pass(written.error());
  const std::string what = service.path.empty() ? fmt::format("{} volumes", exchange.areas.size()) : service.path;
  const std::string before =
      exchange.replaced() ? fmt::format("the old files are kept in {} until --restore-commit {} or --restore-rollback {}",
                                        exchange.stages(), service.name, service.name)
                          : fmt::format(
                                "nothing was there before: --restore-commit {} makes it final, --restore-rollback {} "
                                "takes away what was restored",
                                service.name, service.name);
  Report report{fmt::format("restored {}; {}", what, before), {monitor::text_field("archive", exchange.backup)}};
  if (downtime > 0) report.fields.push_back(monitor::seconds_field("downtime", downtime));
  add_health(report.fields, seen.healthy);
  return report;
}

/// The names that change places in each ground, of the trees as they are now: the service may have made what was missing.
Result<> fill_slots(const Grounds& grounds, const std::vector<std::string>& only, state::Exchange& exchange) {
  for (const Ground& ground : grounds.all()) {
    auto slots = slots_of(ground, only);
    if (!slots) return pass(slots.error());
    exchange.areas.push_back({ground.base, ground.stage, ground.mount && only.empty(), std::move(*slots)});
  }
  return {};
}

}  // namespace

Result<state::Lock> hold_restore(Context& context, const std::string& service) {
  auto lock = state::Lock::try_take(context.state, "restore-" + service);
  if (!lock) return pass(lock.error());
  if (!lock->has_value()) return fail(Exit::unavailable, "a restore of {} is under way, so nothing was done", service);
  return std::move(**lock);
}

Result<std::optional<state::Exchange>> settled_record(Context& context, const policy::Service& service) {
  auto record = state::read_exchange(context.state, service.name);
  if (!record || !record->has_value() || !(*record)->broken_off()) return record;
  const std::string undone = (*record)->gone_back();
  const auto settled = while_stopped(context, service, {}, [](const service::Names&) { return Result<>{}; });
  record = state::read_exchange(context.state, service.name);
  if (!record || (record->has_value() && (*record)->broken_off())) return settled ? record : pass(settled.error());
  context.output.note("an earlier restore was broken off and is undone: " + undone, true);
  if (!settled) context.output.note(settled.error().sentence, true);  // of files that do not let it start, others are wanted
  return record;
}

Result<> check_nothing_kept(const std::optional<state::Exchange>& earlier, const policy::Service& service) {
  if (!earlier) return {};
  if (!earlier->replaced())
    return fail(Exit::unavailable,
                "an earlier restore ({}), before which nothing was there, is not decided yet; make it final with "
                "--restore-commit {}, or have it taken away with --restore-rollback {}; nothing was done",
                earlier->backup, service.name, service.name);
  return fail(
      Exit::unavailable,
      "the old files of an earlier restore ({}) are still kept; give them up with --restore-commit {}, or put them back with "
      "--restore-rollback {}; nothing was done",
      earlier->backup, service.name, service.name);
}

Result<std::vector<StagedTree>> places_of(Context& context, const policy::Service& service) {
  if (service.source == policy::SourceKind::volumes) return volume_places(context, service);
  return std::vector{staged_tree(service)};
}

bool remove_stage(const std::string& path) {
  {
    // The owner of the directory above may have put another there by this name (X5).
    const UniqueFd dir = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
    if (!dir) return errno == ENOENT;
    if (!state::is_private(dir.get()) || !remove_beneath(dir.get())) return false;
  }
  return ::rmdir(path.c_str()) == 0;
}

Grounds::~Grounds() {
  if (kept_) return;
  for (const Ground& ground : all_) static_cast<void>(remove_stage(ground.stage));
}

Result<> Grounds::check_nobodys(const std::string& stage) const {
  for (const Ground& ground : all_)
    if (ground.stage == stage) return fail(Exit::bad_config, "two volumes of the service lie in one place; nothing was done");
  for (const std::string& name : state::list_exchanges(state_)) {
    const auto record = state::read_exchange(state_, name);
    if (!record) return pass(record.error());
    for (const state::Exchange::Area& area : record->value_or(state::Exchange{}).areas)
      if (area.stage == stage)
        return fail(Exit::unavailable, "{} holds the old files of a restore of {}; nothing was done: decide about those first",
                    stage, name);
  }
  return {};
}

Result<> Grounds::add(const StagedTree& tree, const std::string& service, bool only) {
  auto ground = Ground::open(tree, service, only);
  if (!ground) return pass(ground.error());
  if (auto free = check_nobodys(ground->stage); !free) return free;
  all_.push_back(std::move(*ground));
  if (!remove_beneath(all_.back().stage_fd.get()))
    return fail_errno(Exit::io_error, errno, "cannot clear {} of what an earlier restore left; nothing was done",
                      all_.back().stage);
  return {};
}

After after_going_back(const policy::Service& service, const state::Exchange& exchange) {
  const bool nothing_ran = service.source == policy::SourceKind::volumes && exchange.units.empty();
  return nothing_ran ? After::rest : After::start;
}

Result<> check_room(const Grounds& grounds, const std::vector<Need>& needs) {
  for (std::size_t i = 0; i < needs.size(); ++i) {
    const auto device_of = [&](std::size_t at) {
      struct stat st {};
      return ::fstat(grounds.all()[at].stage_fd.get(), &st) == 0 ? st.st_dev : 0;
    };
    Need sum;
    for (std::size_t k = 0; k < needs.size(); ++k)
      if (device_of(k) == device_of(i)) sum.members += needs[k].members, sum.content += needs[k].content;
    const auto room = room_on(grounds.all()[i].stage_fd.get());
    if (!room) return pass(room.error());
    const auto members = static_cast<std::uint64_t>(sum.members);
    const std::uint64_t needed =
        static_cast<std::uint64_t>(sum.content) + members * room->block / 2;  // half of a last block each
    if (needed < room->bytes && members < room->files) continue;
    return fail(Exit::io_error,
                "a second tree of {} files with {} bytes does not fit beside the first, with {} MB and a twentieth of the "
                "inodes left for the service itself; make room, or restore to another file system; the service was not "
                "stopped, and its tree is as it was",
                members, needed, room->reserve >> 20);
  }
  return {};
}

Result<Report> put_in_place(Context& context, const policy::Service& service, const std::string& backup, Grounds& grounds,
                            const std::vector<std::string>& only, const Proof& proof) {
  state::Exchange exchange{.service = service.name, .backup = backup, .made = ::time(nullptr)};
  bool exchanged = false;
  Proven seen;
  const auto downtime = while_stopped(
      context, service, {},
      [&](const service::Names& ran) -> Result<> {
        exchange.units = ran;
        if (auto alone = check_no_other_users(context, service); !alone) return alone;
        if (auto filled = fill_slots(grounds, only, exchange); !filled) return filled;
        if (auto forgotten = forget_snapshots(context, service); !forgotten) return forgotten;
        if (auto done = state::exchange(context.state, exchange); !done) return done;
        exchanged = true;
        tell_journal(context, service.name,
                     fmt::format("exchanged: {} is in place, {}", exchange.backup,
                                 exchange.replaced() ? "the old files are in " + exchange.stages() : "where nothing was"));
        return {};
      },
      [&](const service::Names& started) -> Result<> {
        auto proven = proof(started);
        if (!proven) return pass(proven.error());
        seen = std::move(*proven);
        return {};
      });
  const auto left = state::read_exchange(context.state, service.name);
  if (!left || left->has_value()) grounds.keep();  // there is a way back, which leads through it
  if (!exchanged) return pass(downtime.error());
  if (!downtime && context.session.over())
    return pass(undecided(service, downtime.error().sentence));  // nobody looked to the end
  if (!downtime) return pass(go_back(context, service, exchange, downtime.error().sentence));
  if (!seen.unseen.empty()) return fail(Exit::unavailable, "{}", seen.unseen);
  return conclude(context, service, exchange, *downtime, seen);
}

Result<Report> take_up(Context& context, const policy::Service& service, const state::Exchange& exchange, const Proof& proof) {
  context.output.note(fmt::format("taking up the restore of {}, which was broken off after the exchange", exchange.backup),
                      true);
  if (auto ended = end_lease(context.state, context.session, service.name); !ended)
    return pass(undecided(service, ended.error().sentence));
  // Its files may have been written to for days, and giving those up is no decision for a program.
  auto lock = state::take_any(context.state, {"service-" + service.name}, context.policy.gate.lock_wait, context.session,
                              "another step of the service is running", start_lock(service.name));
  if (!lock) return pass(undecided(service, lock.error().sentence));
  auto proven = proof(exchange.units);
  if (!proven) return pass(undecided(service, proven.error().sentence));
  if (!proven->unseen.empty()) return fail(Exit::unavailable, "{}", proven->unseen);
  return conclude(context, service, exchange, 0, *proven);
}

}  // namespace backupctl::step
