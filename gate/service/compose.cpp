#include <algorithm>

#include "gate/service/containers.h"
#include "gate/service/kinds.h"

// A stack is found by its containers' labels and stopped and started through the engine: root never reads a compose file,
// which others can write, and no version of compose need be installed. The units of a lease are the containers' names, so
// that it starts what ran without asking for labels.

namespace backupctl::service {
namespace {

/// The stack's containers in the policy's order of services.
std::vector<Container> in_order(std::vector<Container> found, const Names& services) {
  std::vector<Container> ordered;
  for (const std::string& service : services)
    for (Container& each : found)
      if (each.service == service) ordered.push_back(std::move(each));
  return ordered;
}

Result<ServiceState> query_compose(const policy::Controller& controller, std::string_view, const Runner& run,
                                   std::optional<bool>) {
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  if (!controller.containers.empty()) {  // of a lease
    auto known = inspect(*engine, controller.containers, run);
    if (!known) return pass(std::move(known.error()));
    return state_of(*known, controller.containers);
  }
  auto found = in_project(*engine, controller.project, run);
  if (!found) return pass(std::move(found.error()));
  const auto containers = in_order(std::move(*found), controller.services);
  ServiceState state = state_of(containers, {});
  for (const std::string& service : controller.services)
    if (std::none_of(containers.begin(), containers.end(), [&](const Container& each) { return each.service == service; }))
      state.missing.push_back(fmt::format("service {} of project {}", service, controller.project));
  return state;
}

/// The containers of one service are stopped together; a lease, which does not know services, stops one by one.
Result<> stop_compose(const policy::Controller& controller, std::string_view, const Names& units, Seconds within,
                      const Runner& run) {
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  std::vector<Names> groups;
  if (controller.project.empty()) {
    for (const std::string& unit : units) groups.push_back({unit});
  } else {
    auto found = in_project(*engine, controller.project, run);
    if (!found) return pass(std::move(found.error()));
    for (const std::string& service : controller.services) {
      groups.emplace_back();
      for (const Container& each : *found)
        if (each.service == service && std::find(units.begin(), units.end(), each.name) != units.end())
          groups.back().push_back(each.name);
    }
  }
  return stop_containers(*engine, groups, controller.grace, within, run);
}

Result<> start_compose(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
                       const Runner& run) {
  auto engine = engine_of(controller, run);
  if (!engine) return pass(std::move(engine.error()));
  return start_containers(*engine, service, units, within, run);
}

}  // namespace

const Kind compose_kind{policy::ControllerKind::compose, "compose", query_compose, stop_compose, start_compose};

}  // namespace backupctl::service
