#pragma once

#include <chrono>

#include "common/record.h"
#include "gate/relay/log_line.h"
#include "gate/relay/log_notes.h"

namespace backupctl::relay {

/// Sends a progress Record; beyond what common/record.h says number[4] is transfers, [5] checks, [6] deletions and renames, by
/// which the gate sees whether anything moves at all (gate/remote/standstill.h).
void send_progress(int report, const LogStats& stats);

/// Mode "progress": what `rclone … --use-json-log --stats 1s --stats-log-level NOTICE` says on standard error, plain lines
/// between included, becomes progress Records and notes.
/// The result: number[0] errors, [1] bytes, [2] transfers, [3] checks, [4] deletes: the figures of rclone's last statistics
/// (without any, [0] is [7]) · [5] 1 if it said that a directory or object was not found · [6] 1 if it said that a file was
/// corrupted · [7] lines logged as errors, those that a retry made good included (rclone 1.60 only logs, and exits 0, when
/// it cannot write its configuration).
class Progress {
 public:
  /// A progress Record is sent at most this often.
  static constexpr std::chrono::milliseconds interval{1000};

  explicit Progress(int report) : report_(report), notes_(report) {}
  /// @param now  monotonic time at which the line arrived
  void take(const LogLine& line, std::chrono::milliseconds now);
  Record finish();

 private:
  int report_;
  LogNotes notes_;
  std::optional<LogStats> last_;
  std::optional<std::chrono::milliseconds> sent_;
};

}  // namespace backupctl::relay
