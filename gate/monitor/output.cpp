#include "gate/monitor/output.h"

#include <poll.h>

#include <climits>

#include "common/escape.h"
#include "common/io.h"

namespace backupctl::monitor {

std::string human_bytes(std::int64_t bytes) {
  static constexpr std::string_view units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

Field bytes_field(std::string name, std::int64_t bytes) { return {std::move(name), human_bytes(bytes), std::to_string(bytes)}; }
Field text_field(std::string name, std::string_view text) { return {std::move(name), escape_line(text), json_string(text)}; }
Field number_field(std::string name, std::int64_t number) {
  return {std::move(name), std::to_string(number), std::to_string(number)};
}
Field seconds_field(std::string name, double seconds) {
  return {std::move(name), fmt::format("{:.1f} s", seconds), fmt::format("{:.3f}", seconds)};
}

void Output::line(int fd, std::string_view text, Weight weight) {
  constexpr int patience_ms = 10'000;
  const std::string bytes = std::string(text) + "\n";
  // The descriptor is shared with others, so it stays blocking; a piece of PIPE_BUF fits where poll(2) sees room (pipe(7)).
  for (std::size_t at = 0; at < bytes.size() && !broken_; at += PIPE_BUF) {
    pollfd room{fd, POLLOUT, 0};
    const bool leave_out = weight == Weight::may_be_left_out && at == 0;
    const int ready = ::poll(&room, 1, leave_out ? 0 : patience_ms);
    if (ready <= 0 && leave_out) return;
    if (ready <= 0 || !write_all(fd, std::string_view(bytes).substr(at, PIPE_BUF))) broken_ = true;
  }
}

void Output::emit(int fd, std::string_view type, std::string_view human, std::string_view text,
                  const std::vector<Field>& fields, Weight weight) {
  if (json_) {
    std::string object = fmt::format(R"({{"schema":1,"type":"{}","subject":{})", type, json_string(subject_));
    if (!text.empty()) object += ",\"text\":" + json_string(text);
    for (const Field& field : fields) object += fmt::format(",{}:{}", json_string(field.name), field.json);
    line(fd, object + "}", weight);
    return;
  }
  std::string words = fmt::format("{}: {}", subject_, human);
  std::string_view separator = ": ";
  for (const Field& field : fields) {
    if (field.human.empty()) continue;
    words += fmt::format("{}{} {}", separator, field.name, field.human);
    separator = ", ";
  }
  line(fd, escape_line(words, 4096), weight);
}

void Output::step(std::string_view text) { emit(out_fd_, "step", text, text, {}, Weight::may_be_left_out); }

void Output::progress(const Record& record) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_progress_ < std::chrono::seconds(1)) return;
  last_progress_ = now;
  const auto [done, all, rate, left] = std::tuple(record.number[0], record.number[1], record.number[2], record.number[3]);
  std::vector<Field> fields = {bytes_field("done", done)};
  if (all > 0) fields.push_back(bytes_field("of", all));
  fields.push_back({"rate", human_bytes(rate) + "/s", std::to_string(rate)});
  if (left >= 0) fields.push_back({"eta", fmt::format("{} s", left), std::to_string(left)});
  emit(out_fd_, "progress", "progress", "", fields, Weight::may_be_left_out);
}

void Output::note(std::string_view text, bool warning) {
  const std::string words = warning ? fmt::format("warning: {}", text) : std::string(text);
  emit(warning ? 2 : out_fd_, "note", words, text,
       json_ ? std::vector<Field>{{"warning", "", warning ? "true" : "false"}} : std::vector<Field>{});
}

void Output::result(std::string_view text, const std::vector<Field>& fields) { emit(out_fd_, "result", text, text, fields); }

void Output::error(const Error& error) {
  if (json_) {
    emit(2, "error", "", error.sentence, {number_field("exit", to_status(error.exit))});
  } else {
    // A sentence may span lines only where it lists several faults of a policy.
    text(fmt::format("backupctl: {}: {}\n", subject_, error.sentence));
  }
}

void Output::text(std::string_view lines) {
  const int fd = lines.starts_with("backupctl:") ? 2 : out_fd_;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    line(fd, escape_line(lines.substr(0, end), 4096));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

void Output::json_line(std::string_view object) { line(out_fd_, object); }

}  // namespace backupctl::monitor
