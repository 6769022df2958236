#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backupctl::relay {

/// The figures of rclone's "stats" object (rclone rc core/stats), which its JSON log carries at each --stats interval and at
/// its end. Negative: unknown.
struct LogStats {
  std::int64_t bytes = 0;
  std::int64_t total_bytes = 0;
  std::int64_t speed = 0;  ///< bytes per second
  std::int64_t eta = -1;   ///< seconds
  std::int64_t errors = 0;
  std::int64_t transfers = 0;
  std::int64_t checks = 0;
  std::int64_t deletes = 0;
  std::int64_t renames = 0;
};

/// How serious a line is.
enum class LogLevel : std::uint8_t {
  quiet,   ///< debug, info
  notice,  ///< rclone's notice; its 1.60 says "warning" for it
  error,   ///< error, critical, alert, emergency, fatal, panic
  plain,   ///< no JSON: a panic, a usage message, whatever a child of rclone says
};

/// One line of what rclone says on standard error.
struct LogLine {
  LogLevel level = LogLevel::plain;
  std::string message;  ///< of a plain line: the line
  std::string object;   ///< the file or directory it is about
  std::string skipped;  ///< in a dry run: the action not taken
  std::optional<LogStats> stats;
};

/// Longest line read, in bytes. A stats line lists up to --transfers and --checkers paths.
inline constexpr std::size_t max_log_line = 262144;

/// Parses one line written with --use-json-log (1.60.1: logrus, since 1.70: slog; the keys are the same). Total: what is no
/// JSON object with a message is a plain line. Duplicate keys: the last counts.
LogLine parse_log_line(std::string_view line);

}  // namespace backupctl::relay
