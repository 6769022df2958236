#include "policy/load.h"

#include "policy/sections.h"
#include "policy/validate.h"

namespace backupctl::policy {
namespace {

constexpr std::int64_t schema = 1;

/// Every [SECTION.NAME] of one kind, by name.
template <class Value, class Read>
std::map<std::string, Value> read_all(Table& file, std::string_view section, const Form& name_form, Read read) {
  std::map<std::string, Value> values;
  if (auto tables = file.table(section))
    for (const std::string& name : tables->names(name_form))
      if (auto table = tables->table(name)) values.emplace(name, read(*table, name));
  return values;
}

Policy read_file(const Node& root, Errors& errors) {
  const Node nothing;
  Table file(root, "", errors);
  const auto section = [&](std::string_view key) { return file.table(key).value_or(Table(nothing, std::string(key), errors)); };
  Policy policy;
  file.number("schema", 0, ~0U);
  policy.gate = read_gate(section("gate"));
  const Defaults defaults{read_retention(section("retention"), {}), read_guard(section("guard"), default_guard())};
  policy.remotes = read_all<Remote>(file, "remote", form::remote_name, read_remote);
  policy.controllers = read_all<Controller>(file, "controller", form::name, read_controller);
  policy.services = read_all<Service>(file, "service", form::name, [&](const Table& table, const std::string& name) {
    return read_service(table, name, defaults);
  });
  policy.extra_targets = read_all<ExtraTarget>(
      file, "extra_target", form::name,
      [&](const Table& table, const std::string& name) { return read_extra_target(table, name, defaults.guard); });
  policy.clients = read_all<Client>(file, "client", form::name, read_client);
  if (!file.has("client")) policy.clients.emplace("default", implied_client());
  policy.recoveries = read_all<Recovery>(file, "recovery", form::name, read_recovery);
  file.reject_others();
  return policy;
}

}  // namespace

Result<Policy> load_policy(std::string_view bytes, std::string_view file_name) {
  const auto root = parse_document(bytes, file_name);
  if (!root) return pass(root.error());
  Errors errors;
  // Of another schema nothing can be judged, so this is the only error then.
  if (const Node* version = root->find("schema"); version == nullptr)
    errors.add({}, "schema: is required; this program reads schema = 1");
  else if (version->kind != Node::Kind::number || version->number != schema)
    errors.add(version->place, "schema: this program reads schema = 1 alone");
  if (!errors.empty()) return pass(errors.report(file_name));
  Policy policy = read_file(*root, errors);
  validate(policy, *root, errors);
  if (!errors.empty()) return pass(errors.report(file_name));
  return policy;
}

}  // namespace backupctl::policy
