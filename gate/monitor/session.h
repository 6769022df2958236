#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/monitor/output.h"

namespace backupctl::monitor {

using Clock = std::chrono::steady_clock;

/// What bounds one request from outside: its deadline, the client at the other end, signals to the gate. Every wait of the
/// monitor goes through here, so that none can outlast them (S5).
class Session {
 public:
  /// @param timeout  of the whole request, queueing included; counted from now.
  /// @param watch_client  end when nobody reads standard output any more. Under sudo without a terminal that is the only
  ///   sign of a dead client: no signal comes (architecture.md, facts).
  /// SIGTERM and SIGINT end it, and SIGHUP where nobody said that it be ignored (nohup, operate::run_host_step).
  Session(Output& output, std::chrono::seconds timeout, bool watch_client);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Waits until a descriptor of `fds` is readable, `until` passes, or the session must end.
  /// @return the ready descriptors (empty when `until` passed); Error when the session is over: its deadline (Exit::timed_out),
  ///   the client gone or a signal (Exit::unavailable). A session that is over stays over.
  Result<std::vector<int>> wait(const std::vector<int>& fds, std::optional<Clock::time_point> until = {});

  /// Lets a session that is over wait again for up to `grace`, for what must be done in any case: ending children, starting a
  /// service again.
  void allow_grace(std::chrono::seconds grace);

  /// From here on only the deadline ends the session, neither a dead client nor a signal: a service being started is not left
  /// down because the link that asked for it broke (S1).
  void see_through();

  /// Whether the session must end, without waiting; one that lives on a grace is over.
  [[nodiscard]] bool over() const;

  [[nodiscard]] bool in_grace() const { return in_grace_; }
  [[nodiscard]] std::chrono::seconds left() const;
  Output& output() { return output_; }

 private:
  friend class SeenThrough;
  /// What ends it from outside: a signal, a client that is gone.
  [[nodiscard]] pollfd signal_poll() const;
  [[nodiscard]] pollfd client_poll() const;
  Output& output_;
  Clock::time_point deadline_;
  std::chrono::seconds timeout_;
  bool watch_client_;
  bool in_grace_ = false;
  bool seen_through_ = false;
  UniqueFd signals_;
};

/// As long as it lives, the session has a deadline of its own and nothing else ends it: a service that was stopped is started
/// whatever became of the request (S1). Afterwards the session is what it was, over if it was over.
class SeenThrough {
 public:
  SeenThrough(Session& session, std::chrono::seconds within)
      : session_(session), deadline_(session.deadline_), seen_through_(session.seen_through_) {
    session_.deadline_ = Clock::now() + within;
    session_.seen_through_ = true;
  }
  SeenThrough(const SeenThrough&) = delete;
  SeenThrough& operator=(const SeenThrough&) = delete;
  ~SeenThrough() {
    session_.deadline_ = deadline_;
    session_.seen_through_ = seen_through_;
  }

 private:
  Session& session_;
  Clock::time_point deadline_;
  bool seen_through_;
};

}  // namespace backupctl::monitor
