#include "gate/step/restore_in_place.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "common/remove.h"
#include "common/room.h"
#include "gate/journal/journal.h"
#include "gate/state/directory_attributes.h"
#include "gate/state/exchange.h"
#include "gate/state/history.h"
#include "gate/state/lock.h"
#include "gate/state/staging.h"
#include "gate/step/proof.h"
#include "gate/step/restore_ground.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"
#include "gate/step/snapshot.h"
#include "gate/step/while_stopped.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

using Phase = state::Exchange::Phase;

/// Held from the first look at the record to the last write: one restore, commit or rollback of a service at a time.
Result<state::Lock> hold_restore(Context& context, const std::string& service) {
  auto lock = state::Lock::try_take(context.state, "restore-" + service);
  if (!lock) return pass(lock.error());
  if (!lock->has_value()) return fail(Exit::unavailable, "a restore of {} is under way, so nothing was done", service);
  return std::move(**lock);
}

/// The record, once what was broken off is undone. What runs then, started by others, is stopped for it and starts again.
Result<std::optional<state::Exchange>> settled_record(Context& context, const policy::Service& service) {
  auto record = state::read_exchange(context.state, service.name);
  if (!record || !record->has_value() || !(*record)->broken_off()) return record;
  const auto settled = while_stopped(context, service, {}, [](const service::Names&) { return Result<>{}; });
  record = state::read_exchange(context.state, service.name);
  if (!record || (record->has_value() && (*record)->broken_off())) return settled ? record : pass(settled.error());
  context.output.note("an earlier restore was broken off and is undone: the old files are in place", true);
  if (!settled) context.output.note(settled.error().sentence, true);  // of files that do not let it start, others are wanted
  return record;
}

void tell_journal(Context& context, const std::string& service, const std::string& text) {
  const auto told =
      journal::append(context.state, {"restore", {{"service", service}, {"text", text}}}, journal::Durability::now);
  if (!told) context.output.note(told.error().sentence, true);
}

std::string list(const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

std::string suffix_of(const RestoreWish& wish) { return wish.only.empty() ? "" : " (only " + list(wish.only) + ")"; }

/// Whether an earlier restore, of which only the proof is missing, is what is wished for now.
bool is_wished(const Context& context, const state::Exchange& exchange, const RestoreWish& wish) {
  const std::string name = exchange.backup.substr(0, exchange.backup.find(' '));
  if (exchange.backup != name + suffix_of(wish)) return false;
  const auto archive = policy::parse_archive_name(name);
  if (wish.mirror || !archive) return wish.mirror && !archive;
  if (wish.date) return archive->date == *wish.date;
  const auto history = state::read_history(context.state, wish.service);  // "latest" is the one this host committed last
  return history && history->newest_committed == archive->date;
}

/// Only what is root's alone: the owner of the directory above may have put another there by this name (X5).
bool remove_stage(const std::string& path) {
  {
    const UniqueFd dir = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
    if (!dir) return errno == ENOENT;
    if (!state::is_private(dir.get()) || !remove_beneath(dir.get())) return false;
  }
  return ::rmdir(path.c_str()) == 0;
}

Result<> put_back_and_tell(Context& context, const policy::Service& service, const state::Exchange& exchange) {
  if (auto forgotten = forget_snapshot(service); !forgotten) return forgotten;
  if (auto back = state::put_back(context.state, exchange); !back) return back;
  tell_journal(context, exchange.service, "the old files are in place again, instead of " + exchange.backup);
  return {};
}

/// The service does not run on what was restored.
Error go_back(Context& context, const policy::Service& service, const state::Exchange& exchange, const std::string& why) {
  context.output.note(fmt::format("the service does not run on what was restored ({}): going back", why), true);
  const auto back = while_stopped(context, service, exchange.units,
                                  [&](const service::Names&) { return put_back_and_tell(context, service, exchange); });
  if (!back && !state::read_exchange(context.state, service.name).value_or(exchange).has_value())
    return {Exit::unavailable,
            fmt::format("the service does not run on what was restored ({}); the old files are in place again, but {}", why,
                        back.error().sentence)};
  if (!back)
    return {Exit::unavailable, fmt::format("the service does not run on what was restored ({}), and going back failed: {}; see "
                                           "to it, then run backupctl --restore-rollback {}",
                                           why, back.error().sentence, service.name)};
  static_cast<void>(remove_stage(exchange.stage));
  return {Exit::unavailable,
          fmt::format(
              "the service does not run on what was restored ({}), so the old files are in place again, and it runs as before",
              why)};
}

Error undecided(const policy::Service& service, const std::string& why) {
  return {Exit::unavailable, fmt::format("the service was not seen to run on what was restored ({}), and nothing more was "
                                         "changed: see that it runs and say the same --restore again, or "
                                         "choose: --restore-rollback {} for the old files, --restore-commit {} to give them up",
                                         why, service.name, service.name)};
}

Result<> prove(Context& context, const policy::Service& service, const service::Names& units) {
  const policy::Controller* controller = controller_of(context, service);
  return controller == nullptr || units.empty() ? Result<>{} : prove_running(context, service, *controller, units);
}

/// It runs on what was restored: what is old is kept until somebody decides.
Result<Report> conclude(Context& context, const policy::Service& service, state::Exchange exchange, double downtime) {
  if (exchange.units.empty() && controller_of(context, service) != nullptr)
    context.output.note("the service did not run before, so it was not started", false);
  exchange.phase = Phase::kept;
  if (auto written = state::write_exchange(context.state, exchange); !written) return pass(written.error());
  Report report{fmt::format("restored {}; the old files are kept in {} until --restore-commit {} or --restore-rollback {}",
                            service.path, exchange.stage, service.name, service.name),
                {monitor::text_field("archive", exchange.backup)}};
  if (downtime > 0) report.fields.push_back(monitor::seconds_field("downtime", downtime));
  return report;
}

/// A folder of half or no use: gone, unless it became the old files'.
class Staged {
 public:
  explicit Staged(const std::string& path) : path_(path) {}
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  ~Staged() {
    if (!path_.empty()) static_cast<void>(remove_stage(path_));
  }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// D8: the service runs on while its disk takes the tree a second time.
Result<> leave_room(const Ground& ground, const Backup& backup) {
  const auto room = room_on(ground.stage_fd.get());
  if (!room) return pass(room.error());
  const auto members = static_cast<std::uint64_t>(backup.members);
  const std::uint64_t needed =
      static_cast<std::uint64_t>(backup.content) + members * room->block / 2;  // half of a last block each
  if (needed < room->bytes && members < room->files) return {};
  return fail(Exit::io_error,
              "a second tree of {} files with {} bytes does not fit beside the first, with {} MB and a twentieth of the inodes "
              "left for the service itself; make "
              "room, or restore with --to another file system; the service was not stopped, and its tree is as it was",
              members, needed, room->reserve >> 20);
}

/// Where there is no tree nothing is known of it.
Result<> keep_root(const Ground& ground, const policy::Service& service) {
  const UniqueFd tree = open_no_symlinks(service.path, O_RDONLY | O_DIRECTORY);
  const UniqueFd data = open_beneath(ground.stage_fd.get(), "data", O_RDONLY | O_DIRECTORY);
  return tree && data ? state::copy_directory_attributes(tree.get(), data.get()) : Result<>{};
}

/// Extracts beside the tree, with the service running. Error: nothing has changed (D8).
Result<> stage(const Ground& ground, const policy::Service& service, const Backup& backup) {
  if (auto room = leave_room(ground, backup); !room) return pass(room.error());
  const auto filled = backup.fill(ground.stage_fd.get(), ground.stage);
  if (!filled)
    return fail(filled.error().exit, "{}; the service was not stopped, and its tree is as it was", filled.error().sentence);
  if (filled->number[3] > 0)
    return fail(Exit::io_error,
                "{} owners, attributes or times could not be set (named above), so the tree was not exchanged; restore with "
                "--to and look",
                filled->number[3]);
  // Of an archive that an earlier script made of what lies in the tree: its own owner and mode are the present tree's.
  if (filled->number[7] != 1)
    if (auto done = keep_root(ground, service); !done) return done;
  return {};
}

/// A restore that ended between the exchange and the proof.
Result<Report> take_up(Context& context, const policy::Service& service, const state::Exchange& exchange) {
  context.output.note(fmt::format("taking up the restore of {}, which was broken off after the exchange", exchange.backup),
                      true);
  if (auto ended = end_lease(context.state, context.session, service.name); !ended)
    return pass(undecided(service, ended.error().sentence));
  // Its files may have been written to for days, and giving those up is no decision for a program.
  auto lock = state::take_any(context.state, {"service-" + service.name}, context.policy.gate.lock_wait, context.session,
                              "another step of the service is running", start_lock(service.name));
  if (!lock) return pass(undecided(service, lock.error().sentence));
  if (auto runs = prove(context, service, exchange.units); !runs) return pass(undecided(service, runs.error().sentence));
  return conclude(context, service, exchange, 0);
}

}  // namespace

Result<const policy::Service*> restorable(const Context& context, const std::string& name) {
  const auto found = context.policy.services.find(name);
  if (found == context.policy.services.end())
    return fail(Exit::not_permitted,
                "the policy names no service {} (an extra target has a mirror and no archive, see backupctl-recovery(7)); "
                "nothing was done",
                escape_line(name, 64));
  if (found->second.source != policy::SourceKind::tree)
    return fail(Exit::not_permitted, "this version of backupctl cannot restore this kind of source");
  return &found->second;
}

Result<Report> restore_in_place(Context& context, const policy::Service& service, const RestoreWish& wish,
                                const Obtain& obtain) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto earlier = settled_record(context, service);
  if (!earlier) return pass(earlier.error());
  if (earlier->has_value() && (*earlier)->phase == Phase::unproven && is_wished(context, **earlier, wish))
    return take_up(context, service, **earlier);
  if (earlier->has_value())
    return fail(
        Exit::unavailable,
        "the old files of an earlier restore ({}) are still kept; give them up with --restore-commit {}, or put them back with "
        "--restore-rollback {}; nothing was done",
        (*earlier)->backup, service.name, service.name);
  const auto ground = Ground::open(service, !wish.only.empty());
  if (!ground) return pass(ground.error());
  Staged staged(ground->stage);
  if (!remove_beneath(ground->stage_fd.get()))
    return fail_errno(Exit::io_error, errno, "cannot clear {} of what an earlier restore left; nothing was done",
                      ground->stage);
  const auto backup = obtain();
  if (!backup) return pass(backup.error());
  if (!service.exclude.empty() && wish.only.empty())
    context.output.note(
        "what the policy's exclude leaves out is in no backup: after this it is among the old files alone, until they are "
        "given up",
        true);
  if (auto staged_all = stage(*ground, service, *backup); !staged_all) return pass(staged_all.error());

  state::Exchange exchange{.service = service.name,
                           .backup = backup->name + suffix_of(wish),
                           .made = ::time(nullptr),
                           .base = ground->base,
                           .stage = ground->stage,
                           .entries = ground->mount && wish.only.empty()};
  bool exchanged = false;
  const auto downtime = while_stopped(
      context, service, {},
      [&](const service::Names& ran) -> Result<> {
        exchange.units = ran;
        auto slots =
            slots_of(*ground, service, wish.only);  // of the tree as it is now: the service may have made what was missing
        if (!slots) return pass(slots.error());
        exchange.slots = std::move(*slots);
        if (auto forgotten = forget_snapshot(service); !forgotten) return forgotten;
        if (auto done = state::exchange(context.state, exchange); !done) return done;
        exchanged = true;
        tell_journal(context, service.name,
                     fmt::format("exchanged: {} is in place, the old files are in {}", exchange.backup, exchange.stage));
        return {};
      },
      [&](const service::Names& started) { return prove(context, service, started); });
  const auto left = state::read_exchange(context.state, service.name);
  if (!left || left->has_value()) staged.keep();  // there is a way back, which leads through it
  if (!exchanged) return pass(downtime.error());
  if (!downtime && context.session.over())
    return pass(undecided(service, downtime.error().sentence));  // nobody looked to the end
  if (!downtime) return pass(go_back(context, service, exchange, downtime.error().sentence));
  return conclude(context, service, exchange, *downtime);
}

Result<Report> restore_commit(Context& context, const std::string& name) {
  const auto found = restorable(context, name);
  if (!found) return pass(found.error());
  const policy::Service& service = **found;
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto record = settled_record(context, service);
  if (!record) return pass(record.error());
  const std::string stage = record->has_value() ? (*record)->stage : Ground::stage_of(service);
  if (!record->has_value() && ::access(stage.c_str(), F_OK) != 0)
    return Report{"nothing is kept of a restore, so nothing was done", {}, Exit::skipped};
  // The record first: half of the old files must never be put back.
  if (auto removed = state::remove_exchange(context.state, service.name); !removed) return pass(removed.error());
  if (!remove_stage(stage))
    return fail_errno(Exit::io_error, errno, "the restore is final, but not all of {} could be removed; try again", stage);
  return Report{"what the restore had put aside is gone", {}};
}

Result<Report> restore_rollback(Context& context, const std::string& name) {
  const auto found = restorable(context, name);
  if (!found) return pass(found.error());
  const policy::Service& service = **found;
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const bool there = state::read_exchange(context.state, service.name).value_or(std::nullopt).has_value();
  const auto record = settled_record(context, service);
  if (!record) return pass(record.error());
  if (!there)
    return fail(Exit::unavailable, "nothing is kept of a restore of {}, so there is nothing to put back", service.name);
  double downtime = 0;
  if (record->has_value()) {
    const auto back = while_stopped(context, service, (*record)->units, [&](const service::Names&) -> Result<> {
      return put_back_and_tell(context, service, **record);
    });
    if (!back) return pass(back.error());
    downtime = *back;
  } else if (auto ended = end_lease(context.state, context.session, service.name); !ended) {
    return pass(ended.error());
  }
  Report report{
      fmt::format(
          "the old files are in place again; what had been restored is in {} until --restore-commit {} or the next restore",
          Ground::stage_of(service), service.name),
      {}};
  if (downtime > 0) report.fields.push_back(monitor::seconds_field("downtime", downtime));
  return report;
}

}  // namespace backupctl::step
