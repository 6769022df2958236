#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace backupctl::relay {

/// Reads lines from hostile input in bounded memory (X5). A line is handed out as soon as it has arrived, so that progress
/// is not held back.
class LineReader {
 public:
  /// @param fd  read to its end; stays the caller's
  /// @param limit  longest line handed out, in bytes; of a longer one the front is handed out, the rest is skipped
  LineReader(int fd, std::size_t limit) : fd_(fd), limit_(limit) {}

  /// The next line.
  struct Line {
    std::string_view text;  ///< without its line break; valid until the next call
    bool cut = false;       ///< longer than the limit
    bool ended = false;     ///< a line break followed; false only for a last line without one
  };
  /// @param line  set when the result is true
  /// @return false at the end of input. Error: Exit::io_error when reading fails.
  Result<bool> next(Line& line);

 private:
  Result<bool> fill();  ///< reads once more; false at the end of input

  int fd_;
  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;     ///< what lies before it in buffer_ was handed out
  std::size_t searched_ = 0;  ///< no line break between begin_ and this
};

/// Hands each line to `take`, to the end of what `fd` has. Error: take's first, or as LineReader::next().
Result<> each_line(int fd, std::size_t limit, const std::function<Result<>(const LineReader::Line&)>& take);

}  // namespace backupctl::relay
