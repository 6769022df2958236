#include "gate/service/containers.h"
#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

Result<ServiceState> query_podman(const policy::Controller& controller, std::string_view, const Runner& run,
                                  std::optional<bool>) {
  auto podman = engine_of(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  Names names = controller.containers;
  if (!controller.pod.empty()) {
    auto in_pod = members(*podman, controller.pod, run);
    if (!in_pod) return pass(std::move(in_pod.error()));
    if (!*in_pod) {
      ServiceState state;
      state.missing.push_back(controller.pod);
      return state;
    }
    names = std::move(**in_pod);
  }
  if (names.empty()) return ServiceState{};
  auto known = inspect(*podman, names, run);
  if (!known) return pass(std::move(known.error()));
  return state_of(*known, names);
}

Result<> stop_podman(const policy::Controller& controller, std::string_view, const Names& units, Seconds within,
                     const Runner& run) {
  auto podman = engine_of(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  // A pod has no order of its own; containers are stopped one by one, because podman stops several at once.
  std::vector<Names> groups;
  if (!controller.pod.empty())
    groups.push_back(units);
  else
    for (const std::string& unit : units) groups.push_back({unit});
  return stop_containers(*podman, groups, controller.grace, within, run);
}

Result<> start_podman(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
                      const Runner& run) {
  auto podman = engine_of(controller, run);
  if (!podman) return pass(std::move(podman.error()));
  return start_containers(*podman, service, units, within, run);
}

}  // namespace

const Kind podman_kind{policy::ControllerKind::podman, "podman", query_podman, stop_podman, start_podman};

}  // namespace backupctl::service
