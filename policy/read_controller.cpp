#include "policy/sections.h"

namespace backupctl::policy {
namespace {

constexpr std::pair<std::string_view, std::string_view> engines[] = {{"docker", "docker"}, {"podman", "podman"}};
constexpr Seconds default_grace{30};

void read_command(Table& table, Controller& controller) {
  table.require({"stop", "start"});
  controller.stop = table.argv("stop", true);
  controller.start = table.argv("start", true);
  controller.status = table.argv("status", true);
}

void read_podman(Table& table, Controller& controller) {
  controller.containers = table.texts("containers", form::engine_name);
  controller.pod = table.text("pod", form::engine_name).value_or("");
  controller.user = table.text("user", form::user).value_or("");
  controller.grace = table.duration("grace").value_or(default_grace);
  if (table.has("containers") == table.has("pod")) table.error("containers", "exactly one of containers and pod is required");
}

void read_compose(Table& table, Controller& controller) {
  table.require({"project", "services"});
  controller.project = table.text("project", form::engine_name).value_or("");
  controller.engine = table.word("engine", engines).value_or("docker");
  controller.services = table.texts("services", form::engine_name);
  controller.grace = table.duration("grace").value_or(default_grace);
  controller.up = table.argv("up", false);
}

void read_systemd(Table& table, Controller& controller) {
  table.require({"units"});
  controller.units = table.texts("units", form::unit);
}

/// A new kind of controller is one row here (and one file in gate/service).
struct Kind {
  ControllerKind kind;
  void (*read)(Table& table, Controller& controller);
};
constexpr std::pair<std::string_view, Kind> kinds[] = {{"command", {ControllerKind::command, read_command}},
                                                       {"podman", {ControllerKind::podman, read_podman}},
                                                       {"compose", {ControllerKind::compose, read_compose}},
                                                       {"systemd", {ControllerKind::systemd, read_systemd}}};

}  // namespace

Controller read_controller(Table table, const std::string& name) {
  Controller controller;
  controller.name = name;
  if (name == "none") table.error("kind", "\"none\" stands for no controller and cannot be the name of one");
  table.require({"kind"});
  const auto kind = table.word("kind", kinds);
  if (!kind) return controller;  // without its kind no other key can be judged
  controller.kind = kind->kind;
  kind->read(table, controller);
  table.reject_others();
  return controller;
}

}  // namespace backupctl::policy
