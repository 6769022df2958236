#include "policy/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/verb_rules.h"

namespace backupctl::policy {
namespace {

constexpr std::string_view consistency_words[] = {"cold", "snapshot", "hot"};

/// Whether stopping for one service leaves the others of the controller alone: a fixed command with the service's name in it.
bool tells_services_apart(const Controller& controller) {
  return controller.kind == ControllerKind::command && std::ranges::any_of(controller.stop, [](const std::string& word) {
           return word.find("{service}") != std::string::npos;
         });
}

void unused(std::vector<std::string>& found, std::string_view section, const auto& tables, const std::set<std::string>& used) {
  for (const auto& [name, table] : tables)
    if (!used.contains(name))
      found.push_back(fmt::format("{}.{} is used by nothing; remove it or name it where it was meant", section, name));
}

std::string keep_words(const Service& service) {
  if (service.source == SourceKind::volumes) {
    std::vector<std::string> parts;
    for (const auto& [place, number] : service.keep_snapshots) parts.push_back(fmt::format("{} on {}", number, place));
    return parts.empty() ? "all" : fmt::format("{}", fmt::join(parts, ", "));
  }
  const Keep& keep = service.retention.keep;
  return fmt::format("{}d {}w {}m", keep.daily, keep.weekly, keep.monthly);
}

/// Columns as wide as their widest cell.
std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

void check_volumes(const Policy& policy, const Service& service, std::vector<std::string>& found) {
  if (service.consistency == Consistency::hot)
    found.push_back(fmt::format(
        "the volumes of service.{} are read while it runs, and are not of one moment; name a controller", service.name));
  if (service.controller.empty()) return;
  const Controller& controller = policy.controllers.at(service.controller);
  const bool podman = controller.kind == ControllerKind::podman || controller.engine == "podman";
  const bool containers = controller.kind == ControllerKind::podman || controller.kind == ControllerKind::compose;
  if (containers && podman != (service.volume_engine == "podman"))
    found.push_back(fmt::format("service.{} has volumes of {}, and controller.{} stops containers of {}", service.name,
                                service.volume_engine, controller.name, podman ? "podman" : "docker"));
}

}  // namespace

std::vector<std::string> warnings(const Policy& policy) {
  std::vector<std::string> found;
  std::set<std::string> remotes, controllers;
  std::map<std::string, std::vector<std::string>> stopped_by;
  for (const auto& [name, service] : policy.services) {
    remotes.insert(service.remotes.begin(), service.remotes.end());
    if (service.source == SourceKind::bucket) remotes.insert(service.bucket.remote);
    if (!service.controller.empty()) stopped_by[service.controller].push_back(name);
    if (service.source == SourceKind::volumes) check_volumes(policy, service, found);
  }
  for (const auto& [name, target] : policy.extra_targets) remotes.insert(target.remotes.begin(), target.remotes.end());
  for (const auto& [name, services] : stopped_by) {
    controllers.insert(name);
    if (services.size() > 1 && !tells_services_apart(policy.controllers.at(name)))
      found.push_back(
          fmt::format("controller.{} stops {} together; give each a controller of its own, or one that names {{service}}", name,
                      fmt::join(services, " and ")));
  }
  for (const auto& [name, recovery] : policy.recoveries)
    for (const std::string& step : recovery.steps)
      if (step.starts_with("start:")) controllers.insert(step.substr(6));
  if (!policy.clients.empty() && !policy.clients.contains("default"))
    found.emplace_back(
        "there are client tables and none for \"default\", so an account whose sudoers line has no --client is refused");
  unused(found, "remote", policy.remotes, remotes);
  unused(found, "controller", policy.controllers, controllers);
  if (policy.services.empty() && policy.extra_targets.empty())
    found.emplace_back("the file has no service and no extra target; the gate has nothing to back up");
  return found;
}

std::string check_report(const Result<Policy>& policy, std::string_view file_name, std::span<const std::string> notes) {
  if (!policy)
    return fmt::format("{}\n{} is not valid; the gate serves nothing but the --start of a leased service\n",
                       policy.error().sentence, file_name);
  std::string text;
  if (!policy->services.empty()) {
    std::vector<std::vector<std::string>> rows = {{"SERVICE", "SOURCE", "CONTROLLER", "CONSISTENCY", "REMOTES", "KEEPS"}};
    for (const auto& [name, service] : policy->services)
      rows.push_back({name, std::string(source_rule(service.source).word),
                      service.controller.empty() ? "none" : service.controller,
                      std::string(consistency_words[static_cast<std::size_t>(service.consistency)]),
                      fmt::format("{}", fmt::join(service.remotes, ", ")), keep_words(service)});
    text += format_table(rows);
  }
  if (!policy->extra_targets.empty()) {
    std::vector<std::vector<std::string>> rows = {{"EXTRA TARGET", "PATH", "REMOTES"}};
    for (const auto& [name, target] : policy->extra_targets)
      rows.push_back({name, target.path, fmt::format("{}", fmt::join(target.remotes, ", "))});
    text += format_table(rows);
  }
  std::vector<std::vector<std::string>> rows = {{"CLIENT", "SERVICES", "ACTIONS"}};
  for (const auto& [name, client] : policy->clients)
    rows.push_back(
        {name, fmt::format("{}", fmt::join(client.services, ", ")), fmt::format("{}", fmt::join(client.actions, " "))});
  text += format_table(rows);
  for (const std::string& warning : warnings(*policy)) text += fmt::format("warning: {}\n", warning);
  for (const std::string& note : notes) text += fmt::format("warning: {}\n", note);
  return text + fmt::format("{} is valid\n", file_name);
}

}  // namespace backupctl::policy
