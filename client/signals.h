#pragma once

#include <csignal>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::client {

/// Turns SIGTERM, SIGINT, SIGHUP and SIGCHLD into a descriptor to poll, so that a night that is told to end still starts its
/// service again. One that was ignored when the program began (nohup) stays ignored. SIGPIPE is ignored: a log that
/// nobody reads is no reason to stop.
class Signals {
 public:
  /// Error: Exit::unavailable.
  static Result<Signals> take();
  /// Gives the signals back.
  ~Signals();
  Signals(Signals&&) noexcept = default;
  Signals& operator=(Signals&&) = delete;
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Reads what has arrived and remembers the first request to end.
  void read();
  /// The signal that asked to end; 0: none yet.
  [[nodiscard]] int ending() const { return ending_; }
  /// For the child between fork(2) and exec: the mask and dispositions this program was started with. Async-signal-safe.
  void restore() const;

 private:
  Signals() = default;
  UniqueFd fd_;
  sigset_t before_{};
  int ending_ = 0;
};

}  // namespace backupctl::client
