#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/request.h"

namespace backupctl::client {

/// How a step ended.
struct StepEnd {
  int status = 0;            ///< the exit code for our caller
  bool unreachable = false;  ///< ssh failed: the host may not have heard of it
};

/// The steps of --run, all made before the first is sent: what is wrong with any is found while the service still runs.
struct Night {
  Request stop;
  Request sync;
  std::optional<Request> archive;  ///< nothing: not its day
  Request start;
};

/// What a night needs from the world.
struct World {
  /// Sends one step. `finish`: to be sent and awaited although we were asked to end.
  std::function<StepEnd(const Request& request, const std::string& label, bool finish)> send;
  std::function<void(const std::string& sentence)> say;
  std::function<void()> pause;  ///< between two attempts to start
};

/// Stop, sync, archive when due, and start whatever happened before; a failed step ends the others but never the start. A start
/// that did not reach the host is tried three times.
/// @return 0 when all was done or only the archive was skipped (75); else the first failing step's exit code.
int run_night(const Night& night, const World& world);

}  // namespace backupctl::client
