#include <array>
#include <map>

#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

constexpr const char* systemctl = "/usr/bin/systemctl";

/// What `systemctl show` says of one unit (org.freedesktop.systemd1(5), Unit and Service properties).
using Properties = std::map<std::string, std::string, std::less<>>;
/// Id comes first in each block and tells two blocks apart; Result is empty for units that are not services.
constexpr std::array<std::string_view, 5> wanted{"Id", "LoadState", "ActiveState", "Result", "ActiveEnterTimestampMonotonic"};

tl::unexpected<Error> not_understood() {
  return fail(Exit::unavailable, "systemctl said what is not understood; whether the service runs is not known");
}

/// Blocks of KEY=VALUE lines, one block a unit in the order asked, an empty line between blocks (systemctl(1), "show").
Result<std::vector<Properties>> show(const Names& units, const Runner& run) {
  policy::Argv argv{systemctl, "show", "--property=Id,LoadState,ActiveState,Result,ActiveEnterTimestampMonotonic", "--"};
  argv.insert(argv.end(), units.begin(), units.end());
  auto out = run_checked(run, argv, query_time, "asking systemd for " + join(units));
  if (!out) return pass(Error{Exit::unavailable, std::move(out.error().sentence)});
  std::vector<Properties> blocks(1);
  for (std::string_view rest = *out; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return not_understood();
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.empty()) {
      blocks.emplace_back();
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return not_understood();
    if (std::find(wanted.begin(), wanted.end(), line.substr(0, equals)) == wanted.end()) return not_understood();
    if (!blocks.back().emplace(line.substr(0, equals), line.substr(equals + 1)).second) return not_understood();
  }
  if (blocks.size() != units.size()) return not_understood();
  for (const Properties& block : blocks)
    if (!block.contains("LoadState") || !block.contains("ActiveState")) return not_understood();
  return blocks;
}

/// Which list of ServiceState an ActiveState belongs to; all others are in between.
struct Activity {
  std::string_view state;
  Names ServiceState::*list;
};
constexpr std::array<Activity, 5> activities{{{"active", &ServiceState::running},
                                              {"reloading", &ServiceState::running},
                                              {"refreshing", &ServiceState::running},
                                              {"inactive", &ServiceState::stopped},
                                              {"failed", &ServiceState::stopped}}};

Result<ServiceState> query_units(const Names& units, const Runner& run) {
  auto blocks = show(units, run);
  if (!blocks) return pass(std::move(blocks.error()));
  ServiceState state;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Properties& block = (*blocks)[i];
    const std::string& active = block.at("ActiveState");
    const auto* const row =
        std::find_if(activities.begin(), activities.end(), [&](const Activity& each) { return each.state == active; });
    if (block.at("LoadState") == "not-found")
      state.missing.push_back(units[i]);
    else if (row != activities.end())
      (state.*(row->list)).push_back(units[i]);
    else
      state.other.push_back(units[i] + " (" + active + ")");
    if (const auto since = block.find("ActiveEnterTimestampMonotonic"); since != block.end())
      state.started += units[i] + ":" + since->second + ";";
  }
  return state;
}

Result<ServiceState> query_systemd(const policy::Controller& controller, std::string_view, const Runner& run,
                                   std::optional<bool>) {
  return query_units(controller.units, run);
}

Result<> stop_systemd(const policy::Controller&, std::string_view service, const Names& units, Seconds within,
                      const Runner& run) {
  const Budget budget(within);
  for (const std::string& unit : units)  // one call a unit, because systemctl stops several at once
    if (auto done = run_checked(run, {systemctl, "--no-ask-password", "stop", "--", unit}, budget.left(), "stopping " + unit);
        !done)
      return pass(std::move(done.error()));
  auto blocks = show(units, run);
  if (!blocks) return pass(std::move(blocks.error()));
  for (std::size_t i = 0; i < units.size(); ++i) {
    const Properties& block = (*blocks)[i];
    if (block.at("ActiveState") != "inactive" && block.at("ActiveState") != "failed")
      return fail(Exit::unavailable,
                  "unit {} of {} is {} again after it was stopped; does a socket, timer or other unit start it?", units[i],
                  service, block.at("ActiveState"));
    // systemd kills what has not ended after the unit's own TimeoutStopSec; what was killed did not put its files in order.
    if (const auto result = block.find("Result"); result != block.end() && result->second == "timeout")
      return fail(Exit::unavailable, "unit {} of {} did not stop within its TimeoutStopSec and was killed by systemd", units[i],
                  service);
  }
  return {};
}

Result<> start_systemd(const policy::Controller&, std::string_view service, const Names& units, Seconds within,
                       const Runner& run) {
  const Budget budget(within);
  std::optional<Error> first;
  // A start job of a unit that is still stopping waits for it (systemd's own job queue).
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit)
    if (auto done =
            run_checked(run, {systemctl, "--no-ask-password", "start", "--", *unit}, budget.left(), "starting " + *unit);
        !done && !first)
      first = std::move(done.error());
  if (first) return pass(std::move(*first));
  auto state = query_units(units, run);
  if (!state) return pass(std::move(state.error()));
  if (state->running.size() != units.size())
    return fail(Exit::unavailable, "{} was started, but of its units only these run: {}; see systemctl status", service,
                state->running.empty() ? "none" : join(state->running));
  return {};
}

}  // namespace

const Kind systemd_kind{policy::ControllerKind::systemd, "systemd", query_systemd, stop_systemd, start_systemd};

}  // namespace backupctl::service
