#pragma once

#include <cstdint>

namespace backupctl {

/// Exit codes of backupctl and backup-client (wire.md, "Refusals and exit codes"; the numbers are those of BSD sysexits(3)
/// where it has one, and timeout(1)'s 124).
enum class Exit : std::uint8_t {
  done = 0,
  not_a_request = 64,  ///< the bytes are no request
  bad_data = 65,       ///< data did not verify, or a guard (D3) stopped the step
  unavailable = 69,    ///< busy, running, remote down, service manager failed, unhealthy
  bug = 70,            ///< ours
  io_error = 74,       ///< I/O, disk full, incomplete
  skipped = 75,        ///< nothing was due, already there; never anything else
  not_permitted = 77,  ///< refused by policy
  bad_config = 78,     ///< policy or configuration invalid
  timed_out = 124,     ///< the request's own --timeout passed
};

constexpr int to_status(Exit code) { return static_cast<int>(code); }

}  // namespace backupctl
