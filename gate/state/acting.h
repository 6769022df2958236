#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "common/result.h"
#include "gate/monitor/session.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// The program that is stopping a service. It goes on when the gate is killed, and would then stop what was started meanwhile
/// and has no lease any more (S1): so it is noted as long as it runs, for whoever starts the service next. Not for longer than
/// this boot.
class Acting {
 public:
  /// @param pid  leader of a process group of its own, not collected yet. Where the note cannot be written there is none.
  Acting(const StateDir& state, std::string service, pid_t pid);
  Acting(const Acting&) = delete;
  Acting& operator=(const Acting&) = delete;
  ~Acting();

 private:
  const StateDir& state_;
  std::string service_;
};

/// Ends what a killed gate has left running: SIGTERM to its group, SIGKILL after `grace`; one that not even that ends within
/// another is left, since a start weighs more (S1). With the service's lock held, so that whoever started it is gone.
/// Error: Exit::unavailable, the session ended first.
Result<> end_left_acting(const StateDir& state, const std::string& service, std::chrono::seconds grace,
                         monitor::Session& session);

}  // namespace backupctl::state
