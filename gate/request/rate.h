#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "gate/state/state_dir.h"
#include "policy/policy.h"

namespace backupctl::request {

/// A client's allowed requests of the last 60 minutes, locked from the look at them until this object is gone: of requests
/// that come at the same time each sees the ones before it. For a client without `per_hour` nothing is kept. The instants lie
/// in state_dir/clients/<client>, as many as `per_hour` allows (X11: bounded).
class Rate {
 public:
  /// Error: Exit::io_error, when they cannot be read or locked: without the count nothing that is limited may run.
  static Result<Rate> open(const state::StateDir& state, const policy::Policy& policy, const std::string& client);

  /// 0 for a client without `per_hour`.
  [[nodiscard]] std::uint32_t last_hour() const { return static_cast<std::uint32_t>(times_.size()); }

  /// Counts one more. Error: Exit::io_error; it was not counted.
  Result<> count();

 private:
  Rate() = default;
  std::uint32_t limit_ = 0;  ///< the client's per_hour; 0: none
  UniqueFd fd_;
  std::vector<std::int64_t> times_;  ///< CLOCK_REALTIME seconds, newest last
};

}  // namespace backupctl::request
