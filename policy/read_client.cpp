#include <algorithm>

#include "common/request.h"
#include "policy/sections.h"

namespace backupctl::policy {
namespace {

/// A verb without its dashes.
bool is_action(std::string_view text) {
  return std::ranges::any_of(verb_table(), [&](const VerbInfo& verb) { return verb.word.substr(2) == text; });
}
constexpr Form action{is_action, "a verb of the gate, written without its dashes"};

bool is_service_or_all(std::string_view text) { return text == "*" || is_name(text); }
constexpr Form service_or_all{is_service_or_all, "\"*\" or the name of a service or extra target"};

bool is_step(std::string_view text) {
  constexpr std::string_view start = "start:";
  return is_name(text.starts_with(start) ? text.substr(start.size()) : text);
}
constexpr Form step{is_step, "the name of a service or start:CONTROLLER"};

}  // namespace

Client read_client(Table table, const std::string& name) {
  Client client;
  client.name = name;
  client.services = table.texts("services", service_or_all);
  if (!table.has("services")) client.services = {"*"};
  if (client.services.size() > 1 && std::ranges::find(client.services, "*") != client.services.end())
    table.error("services", "\"*\" means all and stands alone");
  client.actions = table.texts("actions", action);
  if (!table.has("actions")) client.actions = {"stop", "sync", "archive", "start", "sync-extra", "status", "list", "backup"};
  if (const auto hours = table.text("hours", form::any)) {
    client.hours = parse_hours(*hours);
    if (!client.hours) table.error("hours", fmt::format("\"{}\" is not a time of day such as \"00:00-06:00\"", *hours));
  }
  client.per_hour = table.number("per_hour", 1, 999'999);
  table.reject_others();
  return client;
}

Client implied_client() {
  Client client;
  client.name = "default";
  client.services = {"*"};
  for (const VerbInfo& verb : verb_table())
    if (verb.verb != Verb::export_) client.actions.emplace_back(verb.word.substr(2));
  client.implied = true;
  return client;
}

Recovery read_recovery(Table table, const std::string& name) {
  Recovery recovery{name, {}};
  table.require({"steps"});
  recovery.steps = table.texts("steps", step);
  table.reject_others();
  return recovery;
}

}  // namespace backupctl::policy
