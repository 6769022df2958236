#include "gate/step/restore_volumes.h"

#include <fcntl.h>

#include <algorithm>

#include "common/escape.h"
#include "common/io.h"
#include "gate/service/volumes.h"
#include "gate/state/history.h"
#include "gate/step/extraction.h"
#include "gate/step/in_place.h"
#include "gate/step/probes.h"
#include "gate/step/proof.h"
#include "gate/step/runner.h"
#include "gate/step/service_stop.h"

namespace backupctl::step {
namespace {

/// Volumes that were created for what is restored: gone again with this object, unless it is.
class Created {
 public:
  Created(Context& context, const std::string& engine) : context_(context), engine_(engine) {}
  Created(const Created&) = delete;
  Created& operator=(const Created&) = delete;
  ~Created() {
    if (!kept_ && !names_.empty()) service::remove_volumes(engine_, names_, controller_runner(context_.session));
  }
  Result<> make(const std::vector<std::string>& volumes) {
    auto made = service::create_missing_volumes(engine_, volumes, names_, controller_runner(context_.session));
    for (const std::string& name : names_) context_.output.step(fmt::format("created volume {}", name));
    return made;
  }
  void keep() { kept_ = true; }

 private:
  Context& context_;
  std::string engine_;
  service::Names names_;
  bool kept_ = false;
};

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
  const auto history = state::read_history(context.state, service.name);
  if (wish.id || !history || !history->newest_committed) return {};
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

/// Containers that do not exist yet are made by the policy's `up`. @return what runs then, or what the operator has to run.
Result<Proven> create_containers(Context& context, const policy::Service& service, const policy::Controller& controller,
                                 const std::string& missing) {
  const service::Runner run = controller_runner(context.session);
  if (controller.up.empty()) {
    context.output.note(
        fmt::format("create the containers as this host does it, where the stack's compose file lies: {} -p {} up -d",
                    controller.engine == "podman" ? "podman-compose" : "docker compose", controller.project),
        true);
    return Proven{
        {},
        {},
        fmt::format("the volumes are restored, but {} does not exist, and the policy has no controller.{}.up to create "
                    "it: create the containers, then say the same --restore again, which takes up there; "
                    "--restore-rollback {} puts the old volumes back",
                    missing, controller.name, service.name)};
  }
  context.output.step("creating the containers");
  const auto made = run(controller.up, context.policy.gate.timeouts.start);
  if (!made) return pass(made.error());
  if (made->timed_out || made->status != 0)
    return fail(Exit::unavailable, "controller.{}.up {}: {}", controller.name,
                made->timed_out ? "took too long" : fmt::format("ended with {}", made->status),
                escape_line(made->err.substr(made->err.size() - std::min<std::size_t>(made->err.size(), 300)), 400));
  auto state = service::query(controller, service.name, run, false);
  if (!state) return pass(state.error());
  if (!state->missing.empty())
    return fail(Exit::unavailable, "controller.{}.up did not create {}", controller.name, state->missing.front());
  return Proven{std::move(state->running)};
}

Result<Proven> prove(Context& context, const policy::Service& service, const service::Names& started) {
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr) return Proven{started};
  Proven proven{started};
  if (started.empty()) {
    const auto state = service::query(*controller, service.name, controller_runner(context.session), false);
    if (!state) return pass(state.error());
    proven.units = state->running;
    if (!state->missing.empty()) {
      auto created = create_containers(context, service, *controller, state->missing.front());
      if (!created || !created->unseen.empty()) return created;
      proven = std::move(*created);
    }
  }
  if (proven.units.empty()) return proven;  // it was at rest before, and is (S2)
  auto healthy = prove_running(context, service, *controller, proven.units);
  if (!healthy) return pass(healthy.error());
  proven.healthy = *healthy;
  return proven;
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
  auto found = find_snapshot(context, service, wish, keys);
  if (!found) return pass(found.error());

  bool runs = false;
  const Proof proof = [&](const service::Names& started) {
    auto proven = prove(context, service, started);
    runs = proven && !proven->units.empty();
    return proven;
  };
  if (unproven && (*earlier)->backup == found->id) {
    auto report = take_up(context, service, **earlier, proof);
    return report ? compare(context, service, *found, std::move(*report), runs) : report;
  }
  if (auto none = check_nothing_kept(*earlier, service); !none) return pass(none.error());
  if (auto newest = check_newest(context, service, wish, *found); !newest) return pass(newest.error());
  if (const auto matched = match(service, *found); !matched) return pass(matched.error());
  auto verified = found->remote != nullptr ? bring_here(context, service, *found, keys) : verify_archives(context, *found);
  if (!verified) return pass(verified.error());
  const auto archives = match(service, *found);  // of what was fetched
  if (!archives) return pass(archives.error());

  Created created(context, service.volume_engine);
  if (auto made = created.make(service.volumes); !made) return pass(made.error());
  const auto places = places_of(context, service);
  if (!places) return pass(places.error());
  Grounds grounds;
  std::vector<Need> needs;
  for (std::size_t i = 0; i < places->size(); ++i) {
    if (auto added = grounds.add((*places)[i], service.name, false); !added) return pass(added.error());
    needs.push_back({(*archives)[i]->members, (*archives)[i]->content});
  }
  if (auto room = check_room(grounds, needs); !room) return pass(room.error());
  if (auto extracted = extract_all(context, *found, service, *archives, grounds); !extracted) return pass(extracted.error());
  auto report = put_in_place(context, service, found->id, grounds, {}, proof);
  if (report || state::read_exchange(context.state, service.name).value_or(state::Exchange{}).has_value()) created.keep();
  return report ? compare(context, service, *found, std::move(*report), runs) : report;
}

}  // namespace backupctl::step
