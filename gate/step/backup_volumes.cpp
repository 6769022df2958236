#include <time.h>

#include "common/snapshot_rotation.h"
#include "gate/config/policy_file.h"
#include "gate/step/health.h"
#include "gate/step/helpers.h"
#include "gate/step/remember.h"
#include "gate/step/retention.h"
#include "gate/step/served.h"
#include "gate/step/snapshot_remote.h"
#include "gate/step/step.h"
#include "gate/step/volume_snapshot.h"
#include "policy/read_source.h"

namespace backupctl::step {
namespace {

/// Kept on this host where the policy says nothing: what the next run goes on sending, and the quickest restore.
constexpr std::uint32_t kept_locally = 1;

struct Lacking {
  const policy::Remote* remote;
  std::vector<Entry> there;
};

/// The plan's remotes that do not hold the snapshot as a whole. Error: the session is over.
Result<std::vector<Lacking>> lacking_of(Context& context, const policy::Plan& plan, const std::string& id,
                                        const std::string& keys, Served& served) {
  std::vector<Lacking> lacking;
  for (const policy::Remote* remote : plan.remotes) {
    const auto look = [&]() -> Result<SnapshotPresence> {
      auto files = RemoteFiles::open(context, *remote);
      if (!files) return pass(files.error());
      auto presence = look_for_snapshot(*files, plan.service->name, id, keys);
      if (!presence) return presence;
      if (auto closed = files->close(); !closed) return pass(closed.error());
      return presence;
    };
    auto presence = look();
    if (!presence) {
      if (served.take(presence.error())) return pass(presence.error());
    } else if (!presence->committed) {
      lacking.push_back({remote, std::move(presence->entries)});
    }
  }
  return lacking;
}

/// A snapshot that an earlier run could not send to all of the plan's remotes, if it is young enough to be tonight's; else
/// nothing, and `served` and `lacking` are as they were.
Result<std::string> unfinished(Context& context, const policy::Plan& plan, const state::Snapshots& store,
                               const std::string& keys, Served& served, std::vector<Lacking>& lacking) {
  const auto ids = store.ids();
  if (!ids) return pass(ids.error());
  if (ids->empty()) return std::string();
  const auto record = read_local_snapshot(context, plan.service->name, store, ids->back(), keys);
  if (!record) {
    context.output.note(fmt::format("{}; a new snapshot is taken", record.error().sentence), true);
    return std::string();
  }
  // Of an old one that a restore fetched, it is the time that counts at which it was taken.
  const std::int64_t age = ::time(nullptr) - record->created;
  if (!record->complete || age < 0 || age > plan.service->snapshot_max_age.count()) return std::string();
  auto found = lacking_of(context, plan, ids->back(), keys, served);
  if (!found) return pass(found.error());
  lacking = std::move(*found);
  // A remote that is down lacks it as well: another stop would not help.
  return lacking.empty() && !served.fault() ? std::string() : ids->back();
}

/// The oldest of this host's own beyond what the policy keeps here.
/// @param sent  to every remote; else the newest stays whatever the policy says
Result<> rotate_local(Context& context, const policy::Service& service, const state::Snapshots& store, bool sent) {
  const auto found = service.keep_snapshots.find(std::string(policy::local_snapshots));
  const std::size_t wanted = found == service.keep_snapshots.end() ? kept_locally : found->second;
  const std::size_t keep = std::max<std::size_t>(wanted, sent ? 0 : 1);
  const auto ids = store.ids();
  if (!ids) return pass(ids.error());
  for (const std::string& id : snapshots_to_remove(*ids, keep)) {
    context.output.step(fmt::format("removing {} from this host", id));
    if (auto removed = store.remove(id); !removed) return removed;
  }
  return {};
}

/// A snapshot that is whole here, to one remote, and then rotation there.
Result<std::int64_t> serve(Context& context, const policy::Service& service, const state::Snapshots& store,
                           const std::string& id, const SnapshotRecord& record, Lacking& lack, const std::string& keys) {
  auto files = RemoteFiles::open(context, *lack.remote);
  if (!files) return pass(files.error());
  if (auto sent = send_snapshot(context, *files, store, id, record, lack.there); !sent) return pass(sent.error());
  std::int64_t deleted = 0;
  if (record.complete) {
    const auto date = parse_date(fmt::format("{}-{}-{}", id.substr(0, 4), id.substr(4, 2), id.substr(6, 2)));
    if (auto noted = note_committed(context, service, lack.remote->name, *date, record.bytes()); !noted)
      return pass(noted.error());
    const auto rotated = rotate_snapshots(context, *files, service, store, id, keys);
    if (!rotated) return rotated;
    deleted = *rotated;
  }
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return deleted;
}

}  // namespace

Result<Report> backup_volumes(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const auto today = date_in_zone(::time(nullptr), context.policy.gate.timezone);
  if (auto right = check_clock(context, service.name, *today); !right) return pass(right.error());
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  const auto store = state::Snapshots::open(context.state, service.name);
  if (!store) return pass(store.error());

  Served served(context);
  std::vector<Lacking> lacking;
  auto id = unfinished(context, plan, *store, *keys, served, lacking);
  if (!id) return pass(id.error());
  std::optional<VolumeSnapshot> made;
  if (!id->empty()) {
    context.output.step(fmt::format("going on with snapshot {}, which is not on every remote yet", *id));
  } else {
    auto taken = make_volume_snapshot(context, service, *store, *keys);
    if (!taken) return pass(taken.error());
    made = std::move(*taken);
    *id = made->id;
    for (const policy::Remote* remote : plan.remotes) lacking.push_back({remote, {}});
  }
  const auto record = read_local_snapshot(context, service.name, *store, *id, *keys);
  if (!record) return pass(record.error());

  std::int64_t deleted = 0;
  for (Lacking& lack : lacking) {
    const auto done = serve(context, service, *store, *id, *record, lack, *keys);
    if (!done && served.take(done.error())) return pass(done.error());
    if (!done) continue;
    served.add(lack.remote->name);
    deleted += *done;
  }
  // Also where a remote is down for weeks: its snapshots must not fill this host. One that does not count takes no other's
  // place.
  const auto rotated = record->complete ? rotate_local(context, service, *store, !served.fault()) : store->remove(*id);
  if (!rotated) return pass(rotated.error());
  if (made && made->faults > 0)
    return fail(Exit::io_error, "incomplete: {} files are not in snapshot {} as they should be ({}); it is not counted",
                made->faults, *id, made->first_fault);
  if (served.fault()) {
    const Error error = served.error();
    return fail(error.exit, "{}; the snapshot {} is whole on this host, and the next --backup sends what is missing",
                error.sentence, *id);
  }
  Report report{"committed",
                {monitor::text_field("snapshot", *id), monitor::bytes_field("size", record->bytes()),
                 monitor::number_field("volumes", static_cast<std::int64_t>(record->archives.size())),
                 monitor::number_field("deleted", deleted)}};
  if (!made || !made->downtime) return report;  // it was not stopped: nobody said that it should run
  report.fields.push_back(monitor::seconds_field("downtime", *made->downtime));
  // At the end: a service that needs a minute to come up has had it by now.
  const auto healthy = wait_healthy(context, service);
  if (!healthy) return fail(healthy.error().exit, "{}; snapshot {} is kept", healthy.error().sentence, *id);
  add_health(report.fields, *healthy);
  return report;
}

}  // namespace backupctl::step
