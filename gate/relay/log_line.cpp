#include "gate/relay/log_line.h"

#include <array>
#include <cmath>
#include <utility>

#include "gate/relay/bounded_sax.h"

namespace backupctl::relay {
namespace {

struct TextKey {
  std::string_view word;
  std::string LogLine::*member;
};
constexpr std::array<TextKey, 3> text_keys = {{
    {"msg", &LogLine::message},
    {"object", &LogLine::object},
    {"skipped", &LogLine::skipped},
}};

struct StatsKey {
  std::string_view word;
  std::int64_t LogStats::*member;
};
constexpr std::array<StatsKey, 9> stats_keys = {{
    {"bytes", &LogStats::bytes},
    {"totalBytes", &LogStats::total_bytes},
    {"speed", &LogStats::speed},
    {"eta", &LogStats::eta},
    {"errors", &LogStats::errors},
    {"transfers", &LogStats::transfers},
    {"checks", &LogStats::checks},
    {"deletes", &LogStats::deletes},
    {"renames", &LogStats::renames},
}};

/// Every level word of logrus and of rclone's slog handler.
constexpr std::array<std::pair<std::string_view, LogLevel>, 12> levels = {{
    {"trace", LogLevel::quiet},
    {"debug", LogLevel::quiet},
    {"info", LogLevel::quiet},
    {"notice", LogLevel::notice},
    {"warning", LogLevel::notice},
    {"warn", LogLevel::notice},
    {"error", LogLevel::error},
    {"critical", LogLevel::error},
    {"alert", LogLevel::error},
    {"emergency", LogLevel::error},
    {"fatal", LogLevel::error},
    {"panic", LogLevel::error},
}};

/// A count or rate: whole, not negative; speed and eta may come as fractions. -1: none.
std::int64_t figure(const Value& value) {
  constexpr double beyond = 9e18;
  if (const auto* real = std::get_if<double>(&value))
    return std::isfinite(*real) && *real >= 0 && *real < beyond ? static_cast<std::int64_t>(*real) : -1;
  const std::int64_t whole = integer_or(value, -1);
  return whole >= 0 ? whole : -1;
}

class LogSax : public BoundedSax {
 public:
  explicit LogSax(LogLine& line) : BoundedSax(16), line_(line) {}
  [[nodiscard]] bool complete() const { return has_message_; }

 protected:
  bool on_open(bool array) override {
    if (depth() == 1) return !array;
    if (depth() == 2 && key_at(1) == "stats" && !array) line_.stats.emplace();
    return true;
  }

  bool on_value(const Value& value) override {
    if (depth() == 1) {
      top(value);
    } else if (depth() == 2 && key_at(1) == "stats" && line_.stats) {
      for (const StatsKey& row : stats_keys)
        if (key_at(2) == row.word) (*line_.stats).*row.member = figure(value);
    }
    return depth() > 0;
  }

 private:
  void top(const Value& value) {
    const auto* text = std::get_if<std::string_view>(&value);
    if (text == nullptr) return;
    for (const TextKey& row : text_keys)
      if (key_at(1) == row.word) line_.*row.member = *text;
    if (key_at(1) == "msg") has_message_ = true;
    if (key_at(1) != "level") return;
    line_.level = LogLevel::notice;  // a word that a later version may bring is shown
    for (const auto& [word, level] : levels)
      if (*text == word) line_.level = level;
  }

  LogLine& line_;
  bool has_message_ = false;
};

}  // namespace

LogLine parse_log_line(std::string_view text) {
  if (text.starts_with('{')) {
    LogLine line;
    line.level = LogLevel::notice;
    LogSax sax(line);
    if (nlohmann::json::sax_parse(text.begin(), text.end(), &sax) && sax.complete()) return line;
  }
  LogLine line;
  line.message = text;
  return line;
}

}  // namespace backupctl::relay
