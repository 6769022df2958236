#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/record.h"
#include "common/result.h"

namespace backupctl::monitor {

/// One value of a result line: a name as in the JSON output, and what a person reads.
struct Field {
  std::string name;
  std::string human;  ///< "1.5 MB"; empty: left out of the human line
  std::string json;   ///< a JSON value: `1500000`, `"abc"`
};
Field bytes_field(std::string name, std::int64_t bytes);
Field text_field(std::string name, std::string_view text);
Field number_field(std::string name, std::int64_t number);
/// @param seconds  shown with one decimal.
Field seconds_field(std::string name, double seconds);

/// What the client reads (wire.md, "Output"). A client that does not read holds up nothing (S5, X11): steps and progress are
/// left out while there is no room, and whoever takes no result for ten seconds gets none. Human lines, or with --json one
/// object a line, schema 1, whose "type" is step, progress, note, result or error. Everything is escaped (X10). Results and
/// progress go to standard output, errors and warnings to standard error; with --export everything goes to standard error.
class Output {
 public:
  /// @param subject  "archive vaultwarden", at the front of each line.
  Output(bool json, std::string subject, int out_fd = 1) : json_(json), subject_(std::move(subject)), out_fd_(out_fd) {}
  void step(std::string_view text);
  /// At most one a second reaches the client.
  void progress(const Record& record);
  void note(std::string_view text, bool warning);
  void result(std::string_view text, const std::vector<Field>& fields);
  void error(const Error& error);
  /// Plain text for a person (--status, --explain); as it is but for control characters.
  void text(std::string_view lines);
  /// Lines of a JSON output that are whole objects already.
  void json_line(std::string_view object);
  [[nodiscard]] bool json() const { return json_; }
  [[nodiscard]] int fd() const { return out_fd_; }

 private:
  enum class Weight { may_be_left_out, must_be_said };
  void line(int fd, std::string_view text, Weight weight = Weight::must_be_said);
  void emit(int fd, std::string_view type, std::string_view human, std::string_view text, const std::vector<Field>& fields,
            Weight weight = Weight::must_be_said);
  bool json_;
  std::string subject_;
  int out_fd_;
  bool broken_ = false;  ///< nobody reads any more: nothing more is written
  std::chrono::steady_clock::time_point last_progress_{};
};

/// "12.3 MB", decimal units.
std::string human_bytes(std::int64_t bytes);

}  // namespace backupctl::monitor
