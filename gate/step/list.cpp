#include <set>

#include "common/escape.h"
#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/step/commit.h"
#include "gate/step/helpers.h"
#include "gate/step/mirror_manifest.h"
#include "gate/step/served.h"
#include "gate/step/snapshot_remote.h"
#include "gate/step/step.h"
#include "gate/step/volume_snapshot.h"
#include "policy/read_source.h"
#include "policy/retention.h"
#include "policy/verb_rules.h"

namespace backupctl::step {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

void print_service(Context& context, std::string_view name, std::string_view kind, const std::vector<std::string>& remotes) {
  if (context.output.json())
    context.output.json_line(fmt::format(R"({{"schema":1,"type":"service","name":{},"kind":{},"remotes":{}}})",
                                         json_string(name), json_string(kind), json_string(joined(remotes))));
  else
    context.output.text(fmt::format("{}  {}  {}", name, kind, joined(remotes)));
}

void print_backup(Context& context, const policy::ArchiveName& name, const Entry& entry, bool verified, bool adopted,
                  const std::string& remote) {
  if (context.output.json())
    context.output.json_line(fmt::format(
        R"({{"schema":1,"type":"backup","date":"{}","archive":{},"size":{},"verified":{},"adopted":{},"where":{}}})",
        format_date(name.date), json_string(entry.name), entry.size, verified, adopted, json_string(remote)));
  else
    context.output.text(fmt::format("{}  {}  {}  {}  {}", format_date(name.date), monitor::human_bytes(entry.size),
                                    adopted    ? "adopted"
                                    : verified ? "verified"
                                               : "unverified",
                                    remote, entry.name));
}

/// A service's backups on one remote, oldest first: archives are named so that they sort by date.
Result<> list_remote(Context& context, const policy::Service& service, const policy::Remote& remote, const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto entries = files->list(files->layout().archives(service.name));
  if (!entries) return pass(entries.error());
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  std::set<std::string_view> there;
  for (const Entry& entry : *entries) there.insert(entry.name);
  for (const Entry& entry : *entries) {
    const auto name = policy::parse_archive_name(entry.name);
    if (entry.directory || !name || name->service != service.name) continue;
    bool verified = false;
    bool adopted = false;
    if (const std::string manifest = entry.name + std::string(manifest_ending); there.contains(manifest)) {
      const auto checked =
          files->check_manifest(files->layout().archive(service.name, manifest), service.name, entry.name, keys);
      // A remote that fails, or a session that is over, says nothing about the archive, and nothing more is asked of it (S5).
      if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
      verified = checked && checked->number[2] == 1 && checked->number[0] == entry.size;
      if (!verified)
        context.output.note(
            fmt::format("{} on {} is unverified: {}", entry.name, remote.name,
                        checked ? "its size or status is another than its manifest says" : checked.error().sentence),
            true);
      adopted = verified && checked->number[6] == 1;
    }
    print_backup(context, *name, entry, verified, adopted, remote.name);
  }
  return files->close();
}

/// A bucket's mirror on one remote, as its manifest describes it; whether it still is so is asked of --verify.
Result<> list_mirror(Context& context, const policy::Service& service, const policy::Remote& remote, const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto entries = files->list(files->layout().at(service.name));
  if (!entries) return pass(entries.error());
  if (const Entry* manifest = find(*entries, mirror_manifest_file)) {
    const auto checked =
        files->check_manifest(files->layout().mirror_manifest(service.name), service.name, std::string(mirror_name), keys);
    if (!checked && checked.error().exit != Exit::bad_data) return pass(checked.error());
    if (!checked)
      context.output.note(fmt::format("the mirror on {} is unverified: {}", remote.name, checked.error().sentence), true);
    const std::int64_t when = checked ? checked->number[1] : manifest->modified;
    Entry mirror;
    mirror.name = mirror_name;
    mirror.size = checked ? checked->number[0] : -1;
    if (const auto date = date_in_zone(when, context.policy.gate.timezone))
      print_backup(context, {service.name, *date, ""}, mirror, checked && checked->number[2] == 1, false, remote.name);
  }
  return files->close();
}

void print_snapshot(Context& context, const std::string& id, std::int64_t size, bool verified, const std::string& where) {
  if (context.output.json())
    context.output.json_line(
        fmt::format(R"({{"schema":1,"type":"backup","date":"{}-{}-{}","snapshot":"{}","size":{},"verified":{},"where":{}}})",
                    id.substr(0, 4), id.substr(4, 2), id.substr(6, 2), id, size, verified, json_string(where)));
  else
    context.output.text(
        fmt::format("{}  {}  {}  {}", id, monitor::human_bytes(size), verified ? "verified" : "unverified", where));
}

/// A service's snapshots on one remote, oldest first; a folder without a manifest is an upload that goes on, or was cut off,
/// and no snapshot.
Result<> list_snapshots(Context& context, const policy::Service& service, const policy::Remote& remote,
                        const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto entries = files->list(files->layout().at(""));
  if (!entries) return pass(entries.error());
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  for (const Entry& entry : *entries) {
    if (!entry.directory || !is_snapshot_id(entry.name)) continue;
    const auto presence = look_for_snapshot(*files, service.name, entry.name, keys);
    if (!presence) return pass(presence.error());
    if (find(presence->entries, "manifest.json") == nullptr) {
      context.output.note(
          fmt::format("{} on {} has no manifest: an upload that was cut off, and no snapshot", entry.name, remote.name), true);
      continue;
    }
    print_snapshot(context, entry.name, presence->record ? presence->record->bytes() : -1, presence->committed, remote.name);
  }
  return files->close();
}

/// This host's own.
Result<> list_local(Context& context, const policy::Service& service, const std::string& keys) {
  const auto store = state::Snapshots::open(context.state, service.name);
  if (!store) return pass(store.error());
  const auto ids = store->ids();
  if (!ids) return pass(ids.error());
  for (const std::string& id : *ids) {
    const auto record = read_local_snapshot(context, service.name, *store, id, keys);
    print_snapshot(context, id, record ? record->bytes() : -1, record && record->complete,
                   std::string(policy::local_snapshots));
  }
  return {};
}

/// What lies on the remotes of a service with backups of its own kind.
Result<Report> list_backups(Context& context, const policy::Service& service) {
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  const bool volumes = service.source == policy::SourceKind::volumes;
  Served served(context);  // what lies on the others is told all the same
  for (const std::string& name : service.remotes) {
    const bool bucket = service.source == policy::SourceKind::bucket;
    auto listed = (volumes  ? list_snapshots
                   : bucket ? list_mirror
                            : list_remote)(context, service, context.policy.remotes.at(name), *keys);
    if (!listed && served.take(listed.error())) return pass(listed.error());
    if (listed) served.add(name);
  }
  if (volumes)
    if (auto listed = list_local(context, service, *keys); !listed) return pass(listed.error());
  return served.fault() ? Result<Report>(pass(served.error())) : Report{};
}

}  // namespace

Result<Report> list(Context& context, const policy::Plan& plan) {
  if (plan.service != nullptr) return list_backups(context, *plan.service);
  for (const auto& [name, service] : context.policy.services)
    if ((plan.service == &service || (plan.service == nullptr && plan.target == nullptr)) && policy::may_use(plan.client, name))
      print_service(context, name, policy::source_rule(service.source).word, service.remotes);
  for (const auto& [name, target] : context.policy.extra_targets)
    if ((plan.target == &target || (plan.service == nullptr && plan.target == nullptr)) && policy::may_use(plan.client, name))
      print_service(context, name, "extra", target.remotes);
  return Report{};
}

}  // namespace backupctl::step
