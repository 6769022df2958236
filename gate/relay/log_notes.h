#pragma once

#include <cstddef>
#include <cstdint>

#include "gate/relay/log_line.h"

namespace backupctl::relay {

/// Passes what rclone says on to the user, without its secrets (X10) and not without end (X11), and remembers what kinds of
/// error it named.
class LogNotes {
 public:
  /// At most this many lines become notes; the rest are counted.
  static constexpr std::int64_t max_notes = 100;

  /// @param report  gets the note Records
  explicit LogNotes(int report) : report_(report) {}

  /// Errors and plain lines become warnings, notices information; debug, info, skipped actions and statistics nothing.
  void take(const LogLine& line);
  /// Says how many lines were left out, if any were. Once, at the end.
  void finish();

  [[nodiscard]] std::int64_t errors() const { return errors_; }        ///< lines logged as errors
  [[nodiscard]] std::int64_t odd_names() const { return odd_names_; }  ///< of those, names that cannot be where they are
  [[nodiscard]] bool not_found() const { return not_found_; }          ///< one said that a directory or object does not exist
  [[nodiscard]] bool corrupted() const { return corrupted_; }          ///< one said that a transferred file differs

 private:
  void note(bool warning, std::string_view text) const;

  int report_;
  std::int64_t taken_ = 0;
  std::int64_t errors_ = 0;
  std::int64_t odd_names_ = 0;
  bool not_found_ = false;
  bool corrupted_ = false;
};

}  // namespace backupctl::relay
