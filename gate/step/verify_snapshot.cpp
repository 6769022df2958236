#include <fmt/ranges.h>

#include <algorithm>

#include "gate/config/policy_file.h"
#include "gate/remote/names.h"
#include "gate/state/history.h"
#include "gate/step/helpers.h"
#include "gate/step/served.h"
#include "gate/step/snapshot_remote.h"
#include "gate/step/step.h"

namespace backupctl::step {
namespace {

struct Verified {
  std::string id;
  std::int64_t bytes = 0;
};

/// Manifest, then every file's content against it (X6).
Result<Verified> verify_on(Context& context, const policy::Remote& remote, const policy::Service& service,
                           const std::optional<std::string>& wanted, const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  const auto id = newest_snapshot(*files, service.name, wanted);
  if (!id) return pass(id.error());
  const auto entries = files->list(files->layout().snapshot(*id));
  if (!entries) return pass(entries.error());
  const auto record = files->check_snapshot(service.name, *id, keys);
  if (!record) return pass(record.error());
  const auto wrong = [&](const std::string& name) {
    return fail(
        Exit::bad_data,
        "snapshot {} on {} does not verify: {} is not what its signed manifest says (size or SHA-256), so it was damaged "
        "or exchanged there and cannot be restored; find out who wrote there, and take another: backupctl --backup {}",
        *id, remote.name, name, service.name);
  };
  for (const SnapshotRecord::Archive& archive : record->archives) {
    context.output.step(fmt::format("verifying {} of {} on {}", archive.name, *id, remote.name));
    const Entry* entry = find(*entries, archive.name);
    if (entry == nullptr || entry->size != archive.size) return wrong(archive.name);
    if (entry->tier == remote::archive_tier) {
      context.output.note(fmt::format("{} lies in the archive tier, so its size was looked at alone", archive.name), true);
      continue;
    }
    const auto there = files->examine_in(files->layout().snapshot(*id), archive.name);
    if (!there) return pass(there.error());
    if (there->first != archive.size || there->second != archive.sha256) return wrong(archive.name);
  }
  if (find(*entries, "MANIFEST.sha256") == nullptr) return wrong("MANIFEST.sha256");
  const auto sums = files->examine_in(files->layout().snapshot(*id), "MANIFEST.sha256");
  if (!sums) return pass(sums.error());
  if (sums->second != record->checksums) return wrong("MANIFEST.sha256");
  if (!record->complete)
    return fail(Exit::bad_data, "snapshot {} on {} is incomplete, and says so itself: take another", *id, remote.name);
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return Verified{*id, record->bytes()};
}

}  // namespace

Result<Report> verify_snapshot(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  context.gives_way = true;
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  std::optional<Verified> newest;
  std::vector<std::string> good;
  Served served(context);
  for (const policy::Remote* remote : plan.remotes) {
    auto verified = verify_on(context, *remote, service, plan.snapshot_id, *keys);
    if (!verified) {
      if (served.take(verified.error()))
        return fail(verified.error().exit, "{}; nothing was changed, verify again when no step runs",
                    verified.error().sentence);
      continue;
    }
    served.add(remote->name);
    good.push_back(remote->name);
    if (!newest || verified->id > newest->id) newest = std::move(*verified);
  }
  if (served.fault()) return pass(served.error());
  // X6: a remote that hides the newest, or gives an old one back, is noticed by what this host remembers.
  const auto history = state::read_history(context.state, service.name);
  if (!history) return pass(history.error());
  std::string remembered = history->newest_committed ? format_date(*history->newest_committed) : "";
  std::erase(remembered, '-');
  if (!plan.snapshot_id && plan.remotes.size() == service.remotes.size() && newest->id.substr(0, 8) < remembered)
    return fail(Exit::bad_data,
                "this host committed a snapshot of {} on {}, but the newest that was found is {}: somebody removed or hid "
                "backups; look at who can write to {}, and take another: backupctl --backup {}",
                service.name, format_date(*history->newest_committed), newest->id, fmt::join(good, " and "), service.name);
  return Report{"verified",
                {monitor::text_field("snapshot", newest->id), monitor::bytes_field("size", newest->bytes),
                 monitor::text_field("remotes", fmt::format("{}", fmt::join(good, ",")))}};
}

}  // namespace backupctl::step
