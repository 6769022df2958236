#include "common/request.h"
#include "policy/read_source.h"
#include "policy/sections.h"

namespace backupctl::policy {
namespace {

constexpr std::pair<std::string_view, Consistency> consistencies[] = {
    {"cold", Consistency::cold}, {"snapshot", Consistency::snapshot}, {"hot", Consistency::hot}};

/// Databases and buckets answer while they run and must run to answer. A tree is cold and volumes are dumped in one short stop,
/// unless nothing can stop the service.
Consistency default_consistency(const Service& service) {
  if (service.controller.empty()) return Consistency::hot;
  if (service.source == SourceKind::tree) return Consistency::cold;
  return service.source == SourceKind::volumes ? Consistency::snapshot : Consistency::hot;
}

void check_consistency(Table& table, const Service& service) {
  if (service.consistency == Consistency::hot) return;
  if (service.controller.empty())
    table.error("consistency", "needs a controller that stops the service; without one only \"hot\" is possible");
  else if (service.source != SourceKind::tree && service.source != SourceKind::volumes)
    table.error("consistency", "a database or bucket is backed up while it runs; only \"hot\" is possible");
}

Health read_health(Table table) {
  Health health;
  table.require({"url"});
  health.url = table.text("url", form::url).value_or("");
  health.within = table.duration("within").value_or(Seconds{90});
  if (auto json = table.table("json"))
    for (const std::string& key : json->names(form::any)) health.json[key] = json->text(key, form::any).value_or("");
  table.reject_others();
  return health;
}

}  // namespace

Service read_service(Table table, const std::string& name, const Defaults& defaults) {
  Service service;
  service.name = name;
  // Both would lie where other things lie on the remote: <root>/extra/<target>/ and <root>/<YYYYMMDD-HHMMSS>/.
  if (name == "extra" || is_snapshot_id(name))
    table.error("path", "a service cannot have this name, other backups lie under it on the remote");
  if (!read_source(table, service)) return service;
  table.require({"remotes"});
  service.remotes = table.texts("remotes", form::remote_name);
  service.controller = table.text("controller", form::name).value_or("");
  if (service.controller == "none") service.controller.clear();
  service.consistency = table.word("consistency", consistencies).value_or(default_consistency(service));
  if (table.has("consistency")) check_consistency(table, service);
  RetentionRules rules = defaults.retention;
  if (auto keep = table.table("keep")) rules = read_retention(*keep, rules);
  service.retention = rules.resolve();
  service.guard = defaults.guard;
  if (auto guard = table.table("guard")) service.guard = read_guard(*guard, service.guard);
  if (auto health = table.table("health")) service.health = read_health(*health);
  if (auto probe = table.table("probe"))
    for (const std::string& key : probe->names(form::name)) service.probe[key] = probe->argv(key, false);
  service.export_ = table.flag("export").value_or(false);
  if (service.export_ && service.source != SourceKind::tree && service.source != SourceKind::volumes)
    table.error("export", "only a tree or volumes can be exported");
  table.reject_others();
  return service;
}

ExtraTarget read_extra_target(Table table, const std::string& name, const Guard& guard) {
  ExtraTarget target;
  target.name = name;
  table.require({"path", "remotes"});
  target.path = table.text("path", form::absolute_path).value_or("");
  target.exclude = table.texts("exclude", form::any, 0);
  target.remotes = table.texts("remotes", form::remote_name);
  target.guard = guard;
  if (auto own = table.table("guard")) target.guard = read_guard(*own, guard);
  table.reject_others();
  return target;
}

}  // namespace backupctl::policy
