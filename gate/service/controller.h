#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "policy/policy.h"

/// Services are asked, stopped and started through the program that manages them (architecture.md, role "controller"). What is
/// run is constant but for names out of the policy; nothing of a request gets into an argument (X2).
namespace backupctl::service {

using policy::Seconds;
using Names = std::vector<std::string>;

/// What a program that was run left behind.
struct CommandOutput {
  int status = 0;          ///< exit status, or 128 + the signal that ended it
  std::string out, err;    ///< bounded by the runner; not yet escaped
  bool timed_out = false;  ///< the runner ended it after `within`; status says nothing then
};

/// Runs argv[0] (an absolute path) with its arguments in "/", a built environment and no input, and ends it with all its
/// descendants after `within` (S5). Error: it could not be run at all.
using Runner = std::function<Result<CommandOutput>(const policy::Argv& argv, Seconds within)>;

/// The units (containers, systemd units; for `command` the service's own name) of one service, in the policy's order.
struct ServiceState {
  Names running;
  Names stopped;        ///< at rest, and can be started
  Names missing;        ///< the policy names them, the manager does not know them
  Names other;          ///< "name (paused)": neither runs nor is at rest; never stopped and never started by the gate
  std::string started;  ///< opaque; differs once a unit was started: a cold read compares it before and after
  bool known = true;    ///< false: nobody can tell, and `running` is an assumption

  /// Nothing of it can write to its files: what a cold read needs.
  [[nodiscard]] bool at_rest() const { return running.empty() && other.empty(); }
  /// What has to be stopped for that: also what is about to be started anew again and again.
  [[nodiscard]] Names to_stop() const;
};

/// The word for a kind in the policy file and in leases ("podman"), and back.
std::string_view word(policy::ControllerKind kind);
std::optional<policy::ControllerKind> kind_of(std::string_view word);

/// The same controller, which knows no units but these: what ran, asked for without the policy's other ones.
policy::Controller narrowed(policy::Controller controller, const Names& units);

/// Asks what runs. @param last_known  for a controller that cannot be asked (`command` without status): what the gate did last,
/// true for started. Without it the service counts as running, so that a stop stops it and its lease starts it again.
/// Error: Exit::unavailable, the manager failed or said what is not understood.
Result<ServiceState> query(const policy::Controller& controller, std::string_view service, const Runner& run,
                           std::optional<bool> last_known = std::nullopt);

/// Stops `units`, which were found running, in their order, and returns when they are at rest. Nothing is ever killed for
/// not stopping. Error: Exit::unavailable (failed, or did not stop in its grace), Exit::bad_config (cannot be backed up this
/// way at all; nothing was stopped), Exit::timed_out (`within` passed first). After an error some units may be down or on
/// their way down: the caller calls start() with the same units, and ends the lease only when that succeeds.
Result<> stop(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
              const Runner& run);

/// Starts those of `units` that do not run, in reverse order; one that is still stopping is awaited first. A unit that cannot
/// be started does not keep the others down: the first error is returned when all have been tried.
Result<> start(const policy::Controller& controller, std::string_view service, const Names& units, Seconds within,
               const Runner& run);

}  // namespace backupctl::service
