#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/monitor/session.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// A held flock(2) on a 0600 file of the locks folder. The kernel frees it with its holder, so none can be stale (S4); the
/// file is never unlinked. While held the file names the holder's process.
class Lock {
 public:
  /// Takes the lock if it is free. Nothing when another holds it.
  static Result<std::optional<Lock>> try_take(const StateDir& state, const std::string& name);

  /// Gives the descriptor away; the lock is held as long as it is open.
  [[nodiscard]] int release() { return fd_.release(); }

 private:
  explicit Lock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Takes the first free of `names`, waiting for up to `within`; the session's own end comes first.
/// @param after  a lock that must be free before one of them is taken; empty: none
/// Error Exit::unavailable, `busy` being the sentence, when none became free.
Result<Lock> take_any(const StateDir& state, const std::vector<std::string>& names, std::chrono::seconds within,
                      monitor::Session& session, const std::string& busy, const std::string& after = "");

/// Asks the process that holds the lock to end (SIGTERM; SIGKILL after `grace`) and takes it over; a later holder is asked the
/// same way.
Result<Lock> take_over(const StateDir& state, const std::string& name, std::chrono::seconds grace, monitor::Session& session);

}  // namespace backupctl::state
