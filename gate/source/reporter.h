#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/record.h"
#include "common/result.h"

namespace backupctl::archive {

/// Why something of a tree is not in the archive as it should be: Record::not_read, number[0].
enum class NotRead : std::uint8_t { unreadable = 1, changed = 2, vanished = 3, special = 4, mount = 5 };

/// Tells the monitor how the work goes, in a bounded number of records whatever the tree holds (X5, X11): not_read records
/// end after max_reports, the counts go on; progress is sent at most once a second.
class Reporter {
 public:
  static constexpr std::uint64_t max_reports = 1000;

  /// @param fd  where Records go (sandbox::report_fd); not owned.
  explicit Reporter(int fd) : fd_(fd) {}

  /// Reports one path. @param what  "cannot be opened: Permission denied". @param harmless  not to be counted as incomplete.
  void not_read(NotRead why, std::string_view path, std::string_view what, bool harmless = false);
  /// Bytes of content so far; `all` 0: unknown.
  void progress(std::uint64_t bytes, std::uint64_t all = 0);
  void note(std::string_view text, bool warning);
  void failed(const Error& error);
  void send(const Record& record);

  /// Files unreadable, changed or vanished, and directories of another file system (D2).
  [[nodiscard]] std::uint64_t incomplete() const { return incomplete_; }
  /// The same of a hot tree, where change is expected.
  [[nodiscard]] std::uint64_t harmless() const { return harmless_; }
  /// Special files: sockets and devices are left out, FIFOs are kept.
  [[nodiscard]] std::uint64_t special() const { return special_; }

 private:
  int fd_;
  std::uint64_t reports_ = 0, incomplete_ = 0, harmless_ = 0, special_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), told_ = begun_;
};

}  // namespace backupctl::archive
