#pragma once

#include <utility>

#include "gate/monitor/session.h"

namespace backupctl::step {

/// How long something took.
class Watch {
 public:
  /// Seconds since the last lap, or the beginning.
  double lap() {
    const auto now = monitor::Clock::now();
    return std::chrono::duration<double>(now - std::exchange(begun_, now)).count();
  }

 private:
  monitor::Clock::time_point begun_ = monitor::Clock::now();
};

}  // namespace backupctl::step
