#include <algorithm>

#include "gate/service/kinds.h"

namespace backupctl::service {
namespace {

/// Exit status of a status command for "stopped": the LSB init scripts' "program is not running"
/// (Linux Standard Base 5.0, Core, 22.2); policy.md fixes it.
constexpr int status_stopped = 3;

/// The policy's argv with the service's name for its only variable. Arguments stay arguments: no shell sees them.
policy::Argv filled(policy::Argv argv, std::string_view service) {
  constexpr std::string_view variable = "{service}";
  for (std::string& argument : argv)
    for (std::size_t at = 0; (at = argument.find(variable, at)) != std::string::npos; at += service.size())
      argument.replace(at, variable.size(), service);
  return argv;
}

ServiceState state_of(std::string_view service, bool runs) {
  ServiceState state;
  (runs ? state.running : state.stopped).emplace_back(service);
  return state;
}

Result<ServiceState> query_command(const policy::Controller& controller, std::string_view service, const Runner& run,
                                   std::optional<bool> last_known) {
  if (controller.status.empty()) {
    ServiceState state = state_of(service, last_known.value_or(true));
    state.known = last_known.has_value();
    return state;
  }
  auto output = run(filled(controller.status, service), query_time);
  if (!output) return pass(std::move(output.error()));
  if (!output->timed_out && (output->status == 0 || output->status == status_stopped))
    return state_of(service, output->status == 0);
  if (output->timed_out)
    return fail(Exit::unavailable, "the status command of {} took longer than {} s; whether it runs is not known", service,
                query_time.count());
  return fail(Exit::unavailable, "the status command of {} ended with {} (0 is running, 3 is stopped): {}", service,
              output->status, last_words(*output));
}

/// Runs one command, and asks the status command, where there is one, whether it did what it says.
Result<> act(const policy::Controller& controller, const policy::Argv& argv, std::string_view verb, bool should_run,
             std::string_view service, Seconds within, const Runner& run) {
  auto done = run_checked(run, filled(argv, service), within, fmt::format("the {} command of {}", verb, service));
  if (!done) return pass(std::move(done.error()));
  if (controller.status.empty()) return {};
  auto state = query_command(controller, service, run, std::nullopt);
  if (!state) return pass(std::move(state.error()));
  if (state->running.empty() == should_run)
    return fail(Exit::unavailable, "the {} command of {} succeeded, but its status command says that it is {}", verb, service,
                should_run ? "stopped" : "running");
  return {};
}

Result<> stop_command(const policy::Controller& controller, std::string_view service, const Names&, Seconds within,
                      const Runner& run) {
  return act(controller, controller.stop, "stop", false, service, within, run);
}

Result<> start_command(const policy::Controller& controller, std::string_view service, const Names&, Seconds within,
                       const Runner& run) {
  return act(controller, controller.start, "start", true, service, within, run);
}

}  // namespace

const Kind command_kind{policy::ControllerKind::command, "command", query_command, stop_command, start_command};

}  // namespace backupctl::service
