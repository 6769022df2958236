#include "gate/step/snapshot_remote.h"

#include <algorithm>
#include <set>

#include "common/request.h"
#include "common/snapshot_rotation.h"
#include "gate/journal/journal.h"
#include "gate/remote/names.h"

namespace backupctl::step {
namespace {

constexpr const char* manifest_name = "manifest.json";

/// D1: a file of the folder as the remote holds it.
Result<bool> is_there(RemoteFiles& remote, const std::string& id, const SnapshotRecord::Archive& archive) {
  const auto there = remote.examine_in(remote.layout().snapshot(id), archive.name);
  if (!there) return pass(there.error());
  return there->first == archive.size && there->second == archive.sha256;
}

Result<> send_archive(Context& context, RemoteFiles& remote, const state::Snapshots& store, const std::string& id,
                      const SnapshotRecord::Archive& archive, const Entry* there) {
  // What lies in Azure's archive cannot be read; it got there after it was verified.
  if (there != nullptr && there->size == archive.size && there->tier == remote::archive_tier) return {};
  if (there != nullptr && there->size == archive.size) {
    context.output.step(fmt::format("verifying {} that lies on {} already", archive.name, remote.remote().name));
    const auto whole = is_there(remote, id, archive);
    if (!whole) return pass(whole.error());
    if (*whole) return {};
  }
  context.output.step(fmt::format("sending {} to {}", archive.name, remote.remote().name));
  if (auto sent = remote.put(store.path(id), archive.name, remote.layout().snapshot(id, archive.name)); !sent) return sent;
  context.output.step(fmt::format("verifying {} on {}", archive.name, remote.remote().name));
  const auto whole = is_there(remote, id, archive);
  if (!whole) return pass(whole.error());
  if (*whole) return {};
  static_cast<void>(remote.remove(remote.layout().snapshot(id, archive.name)));
  return fail(
      Exit::bad_data,
      "what {} holds of {} after the upload is not what was sent: the snapshot was not committed there, and nothing was "
      "deleted",
      remote.remote().name, archive.name);
}

/// Azure takes the tier with the upload, or after it; a blob in another tier costs. What has to be read to know what lies there
/// stays out of the archive.
Result<> put_tiers_right(Context& context, RemoteFiles& remote, const std::string& id) {
  const std::string& wanted = remote.remote().access_tier;
  if (wanted.empty()) return {};
  const auto belongs = [&](const Entry& entry) {
    return !entry.directory && (wanted != remote::archive_tier || entry.name.find(".tar.") != std::string::npos);
  };
  for (int tries = 0; tries < 2; ++tries) {
    const auto entries = remote.list(remote.layout().snapshot(id));
    if (!entries) return pass(entries.error());
    std::vector<std::string> wrong;
    for (const Entry& entry : *entries)
      if (belongs(entry) && entry.tier != wanted) wrong.push_back(entry.name);
    if (wrong.empty()) return {};
    if (tries > 0)
      return fail(Exit::unavailable, "{} of snapshot {} on {} stays in another access tier than {}", wrong.front(), id,
                  remote.remote().name, wanted);
    context.output.step(fmt::format("moving {} files on {} to the tier {}", wrong.size(), remote.remote().name, wanted));
    for (const std::string& name : wrong)
      if (auto set = remote.set_tier(wanted, remote.layout().snapshot(id, name)); !set) return set;
  }
  return {};
}

/// What of the listed folders are snapshots of this service; `unfinished` gets those that lack a good manifest.
Result<std::vector<std::string>> complete_ones(RemoteFiles& remote, const std::string& service,
                                               const std::vector<std::string>& ids, const std::string& keys,
                                               std::set<std::string>& incomplete) {
  std::vector<std::string> complete;
  for (const std::string& id : ids) {
    const auto presence = look_for_snapshot(remote, service, id, keys);
    if (!presence) return pass(presence.error());
    if (presence->committed)
      complete.push_back(id);
    else if (presence->record)
      incomplete.insert(id);  // signed, and it says so itself
  }
  return complete;
}

/// First the manifest: what is half deleted is no snapshot.
Result<> delete_snapshot(Context& context, RemoteFiles& remote, const std::string& service, const std::string& id,
                         const std::string& reason) {
  const auto said = journal::append(
      context.state, {"delete", {{"service", service}, {"remote", remote.remote().name}, {"archive", id}, {"reason", reason}}},
      journal::Durability::now);
  if (!said) return pass(said.error());
  context.output.step(fmt::format("deleting {} from {}: {}", id, remote.remote().name, reason));
  if (auto removed = remote.remove(remote.layout().snapshot(id, manifest_name)); !removed) return removed;
  return remote.purge(remote.layout().snapshot(id));
}

}  // namespace

Result<SnapshotPresence> look_for_snapshot(RemoteFiles& remote, const std::string& service, const std::string& id,
                                           const std::string& keys) {
  auto entries = remote.list(remote.layout().snapshot(id));
  if (!entries) return pass(entries.error());
  SnapshotPresence presence;
  presence.entries = std::move(*entries);
  if (find(presence.entries, manifest_name) == nullptr) return presence;
  auto checked = remote.check_snapshot(service, id, keys);
  if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
  if (!checked) return presence;
  const auto lies_there = [&](const SnapshotRecord::Archive& archive) {
    const Entry* entry = find(presence.entries, archive.name);
    return entry != nullptr && entry->size == archive.size;
  };
  presence.committed = checked->complete && std::all_of(checked->archives.begin(), checked->archives.end(), lies_there);
  presence.record = std::move(*checked);
  return presence;
}

Result<std::string> newest_snapshot(RemoteFiles& remote, const std::string& service, const std::optional<std::string>& wanted) {
  auto entries = remote.list(remote.layout().at(""));
  if (!entries) return pass(entries.error());
  std::string newest;
  for (const Entry& entry : *entries) {
    if (!entry.directory || !is_snapshot_id(entry.name) || entry.name < newest || (wanted && entry.name != *wanted)) continue;
    const auto files = remote.list(remote.layout().snapshot(entry.name));
    if (!files) return pass(files.error());
    if (find(*files, manifest_name) != nullptr) newest = entry.name;
  }
  if (!newest.empty()) return newest;
  return fail(Exit::bad_data, "there is no snapshot{}{} of {} on {}: see backupctl --list {}", wanted ? " " : "",
              wanted.value_or(""), service, remote.remote().name, service);
}

Result<> send_snapshot(Context& context, RemoteFiles& remote, const state::Snapshots& store, const std::string& id,
                       const SnapshotRecord& record, const std::vector<Entry>& there) {
  auto uploads = store.uploads();
  const std::pair<std::string, std::string> this_one(remote.remote().name, id);
  if (std::find(uploads.begin(), uploads.end(), this_one) == uploads.end()) uploads.push_back(this_one);
  if (auto noted = store.set_uploads(uploads); !noted) return noted;
  for (const SnapshotRecord::Archive& archive : record.archives)
    if (auto sent = send_archive(context, remote, store, id, archive, find(there, archive.name)); !sent) return sent;
  for (const char* name : {"README.md", "MANIFEST.sha256"})
    if (auto sent = remote.put(store.path(id), name, remote.layout().snapshot(id, name)); !sent) return sent;
  if (auto right = put_tiers_right(context, remote, id); !right) return right;
  if (auto sent = remote.put(store.path(id), manifest_name, remote.layout().snapshot(id, manifest_name)); !sent) return sent;
  if (auto right = put_tiers_right(context, remote, id); !right) return right;
  std::erase(uploads, this_one);
  return store.set_uploads(uploads);
}

Result<std::int64_t> rotate_snapshots(Context& context, RemoteFiles& remote, const policy::Service& service,
                                      const state::Snapshots& store, const std::string& committed, const std::string& keys) {
  auto entries = remote.list(remote.layout().at(""));
  if (!entries) return pass(entries.error());
  std::vector<std::string> ids;
  for (const Entry& entry : *entries)
    if (entry.directory && is_snapshot_id(entry.name)) ids.push_back(entry.name);
  std::sort(ids.begin(), ids.end());
  auto uploads = store.uploads();
  const auto keep = service.keep_snapshots.find(remote.remote().name);
  const bool all_stay = keep == service.keep_snapshots.end() || ids.size() <= keep->second;
  const bool left =
      std::any_of(uploads.begin(), uploads.end(), [&](const auto& upload) { return upload.first == remote.remote().name; });
  if (all_stay && !left) return 0;  // no manifest need be read
  std::set<std::string> incomplete;
  auto complete = complete_ones(remote, service.name, ids, keys, incomplete);
  if (!complete) return pass(complete.error());
  if (complete->empty() || complete->back() != committed) {
    context.output.note(
        fmt::format("{} on {} is not the newest snapshot there, so nothing was deleted", committed, remote.remote().name),
        true);
    return 0;
  }
  // What this host left half sent is its own, and the one that was committed now takes its place.
  for (const std::string& id : ids) {
    const bool ours = std::find(uploads.begin(), uploads.end(), std::pair(remote.remote().name, id)) != uploads.end();
    const bool whole = std::find(complete->begin(), complete->end(), id) != complete->end();
    if (whole || id > committed || (!ours && !incomplete.contains(id))) continue;
    if (auto gone = delete_snapshot(context, remote, service.name, id, "it was never whole"); !gone) return pass(gone.error());
    std::erase(uploads, std::pair(remote.remote().name, id));
    if (auto noted = store.set_uploads(uploads); !noted) return pass(noted.error());
  }
  if (keep == service.keep_snapshots.end() || complete->size() <= keep->second) return 0;
  std::vector<std::string> over = snapshots_to_remove(*complete, keep->second);
  over.resize(std::min<std::size_t>(over.size(), service.retention.max_delete));
  for (const std::string& id : over)
    if (auto gone = delete_snapshot(context, remote, service.name, id, fmt::format("{} others are kept", keep->second)); !gone)
      return pass(gone.error());
  return static_cast<std::int64_t>(over.size());
}

}  // namespace backupctl::step
