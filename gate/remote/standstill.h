#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/record.h"

namespace backupctl::remote {

/// Notices a transfer that does not get on. A service that may change its tree while it is mirrored can put a FIFO in a file's
/// place between rclone's listing and its open, which then waits for ever (X5); slot and credential would be held until the
/// request's own deadline. rclone tells its figures all the time, whether they change or not.
class Standstill {
 public:
  using Clock = std::chrono::steady_clock;
  /// Long enough for what only looks like one: OneDrive thinks for minutes before it answers the last piece of a large file,
  /// and an idle connection is given up after 5 (--timeout) and tried again.
  static constexpr std::chrono::minutes longest{15};

  /// Takes the figures of a progress Record (gate/relay/progress.h). Bytes to be sent count as well: they grow while a tree is
  /// listed. Rate and time left do not: they change by themselves.
  /// @return whether the figures have been the same for as long as that
  bool reached(const Record& progress, Clock::time_point now) {
    const Figures figures = {progress.number[0], progress.number[1], progress.number[4], progress.number[5],
                             progress.number[6]};
    if (!since_ || figures != figures_) {
      figures_ = figures;
      since_ = now;
    }
    return now - *since_ >= longest;
  }

 private:
  using Figures = std::array<std::int64_t, 5>;
  Figures figures_{};
  std::optional<Clock::time_point> since_;
};

}  // namespace backupctl::remote
