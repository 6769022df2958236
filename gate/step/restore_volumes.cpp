#include "gate/step/restore_volumes.h"

#include <fcntl.h>

#include <algorithm>

#include "common/io.h"
#include "gate/service/volumes.h"
#include "gate/state/history.h"
#include "gate/step/extraction.h"
#include "gate/step/in_place.h"
#include "gate/step/probes.h"
#include "gate/step/proof.h"
#include "gate/step/runner.h"
#include "gate/step/service_stop.h"
#include "gate/step/volume_snapshot.h"

namespace backupctl::step {
namespace {

/// The archive of each of the policy's volumes, in its order. A snapshot of other volumes is none of this service as it is now.
Result<std::vector<const SnapshotRecord::Archive*>> match(const policy::Service& service, const FoundSnapshot& found) {
  std::vector<const SnapshotRecord::Archive*> archives;
  for (const std::string& volume : service.volumes) {
    const auto archive = std::find_if(found.record.archives.begin(), found.record.archives.end(), [&](const auto& each) {
      return each.name == volume + ".tar.gz" || each.name == volume + ".tar.zst";
    });
    if (archive == found.record.archives.end())
      return fail(Exit::bad_config,
                  "snapshot {} has no volume {}; nothing was done: take it out of service.{}.volumes for this restore, or take "
                  "another snapshot",
                  found.id, volume, service.name);
    archives.push_back(&*archive);
  }
  for (const SnapshotRecord::Archive& each : found.record.archives)
    if (std::find(archives.begin(), archives.end(), &each) == archives.end())
      return fail(Exit::bad_config,
                  "snapshot {} has {}, a volume that service.{}.volumes does not name; nothing was done: add it there, or take "
                  "another snapshot",
                  found.id, each.name, service.name);
  return archives;
}

/// X6: who hides the newest snapshot, or gives an old one back, is noticed by what this host remembers.
Result<> check_newest(Context& context, const policy::Service& service, const SnapshotWish& wish, const FoundSnapshot& found) {
  if (wish.id) return {};
  const auto history = state::read_history(context.state, service.name);
  if (!history) return pass(history.error());
  if (!history->newest_committed) return {};
  std::string remembered = format_date(*history->newest_committed);
  std::erase(remembered, '-');
  if (found.id.substr(0, 8) >= remembered) return {};
  return fail(Exit::bad_data,
              "the newest snapshot of {} that was found is {}, and this host committed a newer one on {}, so it does not take "
              "the volumes' place and nothing was done; if it is to, name it (--snapshot-id {})",
              service.name, found.id, format_date(*history->newest_committed), found.id);
}

/// Beside the volumes, with the service running. Error: nothing has changed.
Result<> extract_all(Context& context, const FoundSnapshot& found, const policy::Service& service,
                     const std::vector<const SnapshotRecord::Archive*>& archives, const Grounds& grounds) {
  for (std::size_t i = 0; i < archives.size(); ++i) {
    const Ground& ground = grounds.all()[i];
    context.output.step(fmt::format("extracting volume {} beside the one there is", service.volumes[i]));
    const UniqueFd file = open_beneath(found.folder.get(), archives[i]->name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return fail_errno(Exit::io_error, errno, "cannot open {}; nothing was exchanged", archives[i]->name);
    const auto done = run_extractor(
        context, {.args = announced(*archives[i]), .in = file.get(), .target = ground.stage_fd.get(), .to = ground.stage});
    if (!done)
      return fail(done.error().exit, "{}; the service was not stopped, and its volumes are as they were",
                  done.error().sentence);
    if (done->digest != archives[i]->sha256)
      return fail(Exit::bad_data, "{} changed between verifying and extracting; the volumes are as they were",
                  archives[i]->name);
    if (done->number[3] > 0)
      return fail(Exit::io_error,
                  "{} owners, attributes or times of volume {} could not be set (named above), so nothing was exchanged",
                  done->number[3], service.volumes[i]);
  }
  return {};
}

/// What the operator has to do before the restore can go on.
Proven wait_for_operator(const policy::Service& service, const std::string& what) {
  return Proven{false,
                {},
                fmt::format("the volumes are restored, but {}, then say the same --restore again, which takes up "
                            "there; --restore-rollback {} puts the old volumes back",
                            what, service.name)};
}

/// Of a service whose units are all to run: the first that does not.
std::string first_down(const service::ServiceState& state) {
  for (const service::Names* names : {&state.missing, &state.other, &state.stopped})
    if (!names->empty()) return names->front();
  return {};
}

/// @param started  by us, since it ran before. @param again  a restore is taken up: the operator was to see that it runs
Result<Proven> prove(Context& context, const policy::Service& service, service::Names started, bool again) {
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr) return Proven{};
  if (started.empty()) {
    const auto look = [&] { return service::query(*controller, service.name, controller_runner(context.session), false); };
    auto state = look();
    if (!state) return pass(state.error());
    const bool missing = !state->missing.empty();
    if (!missing && !again) return Proven{};  // it was at rest before, and is (S2)
    if (missing && controller->up.empty()) {
      if (controller->kind == policy::ControllerKind::compose)
        context.output.note(
            fmt::format("create the containers as this host does it, where the stack's compose file lies: {} -p {} up -d",
                        controller->engine == "podman" ? "podman-compose" : "docker compose", controller->project),
            true);
      return wait_for_operator(service, fmt::format("{} does not exist: create it", state->missing.front()));
    }
    if (missing) {
      if (auto made = create_containers(context, *controller); !made) return pass(made.error());
      state = look();
      if (!state) return pass(state.error());
    }
    const std::string down = first_down(*state);
    if (!down.empty() && again) return wait_for_operator(service, fmt::format("{} does not run: start it", down));
    if (!down.empty()) return fail(Exit::unavailable, "{} does not run after controller.{}.up", down, controller->name);
    started = std::move(state->running);
  }
  auto healthy = prove_running(context, service, *controller, started);
  return healthy ? Result<Proven>(Proven{true, *healthy}) : pass(healthy.error());
}

/// What the probes print now, of a service that runs.
Result<Report> compare(Context& context, const policy::Service& service, const FoundSnapshot& found, Report report, bool runs) {
  if (found.record.probes.empty()) return report;
  if (!runs) {
    context.output.note("the service does not run, so its probes were not compared", true);
    return report;
  }
  const int differ = compare_probes(context, service, found.record);
  if (differ == 0) {
    report.fields.push_back(monitor::text_field("probes", "as in the snapshot"));
    return report;
  }
  return fail(
      Exit::bad_data,
      "the volumes are restored and the service runs, but {} of its probes print something else than when the snapshot was "
      "taken (above): look at the service, then keep it with --restore-commit {}, or go back with --restore-rollback {}",
      differ, service.name, service.name);
}

}  // namespace

Result<Report> restore_volumes(Context& context, const policy::Service& service, const SnapshotWish& wish,
                               const std::string& keys) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto earlier = settled_record(context, service);
  if (!earlier) return pass(earlier.error());
  const bool unproven = earlier->has_value() && (*earlier)->phase == state::Exchange::Phase::unproven;
  if (!unproven)
    if (auto none = check_nothing_kept(*earlier, service); !none) return pass(none.error());
  bool runs = false;
  const Proof proof = [&](const service::Names& started) {
    auto proven = prove(context, service, started, unproven);
    runs = proven && proven->runs;
    return proven;
  };
  if (unproven && wish.id.value_or((*earlier)->backup) == (*earlier)->backup) {
    auto report = take_up(context, service, **earlier, proof);
    if (!report) return report;
    const auto record = find_snapshot(context, service, {(*earlier)->backup, wish.from}, keys);
    if (record) return compare(context, service, *record, std::move(*report), runs);
    context.output.note(record.error().sentence + "; the probes were not compared", true);
    return report;
  }
  if (auto none = check_nothing_kept(*earlier, service); !none) return pass(none.error());
  auto found = find_snapshot(context, service, wish, keys);
  if (!found) return pass(found.error());
  context.output.step(fmt::format("snapshot {} from {}", found->id, found->from));
  if (auto newest = check_newest(context, service, wish, *found); !newest) return pass(newest.error());
  if (const auto matched = match(service, *found); !matched) return pass(matched.error());
  auto verified = found->remote != nullptr ? bring_here(context, service, *found, keys) : verify_archives(context, *found);
  if (!verified) return pass(verified.error());
  const auto archives = match(service, *found);  // of what was fetched
  if (!archives) return pass(archives.error());

  const auto created =
      service::create_missing_volumes(service.volume_engine, service.volumes, controller_runner(context.session));
  if (!created) return pass(created.error());
  for (const std::string& name : *created) context.output.step(fmt::format("created volume {}", name));
  const auto places = places_of(context, service);
  if (!places) return pass(places.error());
  Grounds grounds(context.state);
  std::vector<Need> needs;
  for (std::size_t i = 0; i < places->size(); ++i) {
    if (auto added = grounds.add((*places)[i], service.name, false); !added) return pass(added.error());
    needs.push_back({(*archives)[i]->members, (*archives)[i]->content});
  }
  if (auto room = check_room(grounds, needs); !room) return pass(room.error());
  if (auto extracted = extract_all(context, *found, service, *archives, grounds); !extracted) return pass(extracted.error());
  auto report = put_in_place(context, service, found->id, grounds, {}, proof);
  return report ? compare(context, service, *found, std::move(*report), runs) : report;
}

}  // namespace backupctl::step
