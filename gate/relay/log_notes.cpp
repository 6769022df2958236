#include "gate/relay/log_notes.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "common/record.h"
#include "gate/relay/secrets.h"

namespace backupctl::relay {
namespace {

/// rclone's fs.ErrorDirNotFound and fs.ErrorObjectNotFound, and what its command deletefile says.
constexpr std::array<std::string_view, 3> not_found_words = {"directory not found", "object not found",
                                                             "is a directory or doesn't exist"};
/// rclone's fs/operations: "corrupted on transfer: %v hash differ", "… sizes differ", check's "hashes differ".
constexpr std::array<std::string_view, 4> corrupted_words = {"corrupted on transfer", "hash differ", "hashes differ",
                                                             "sizes differ"};

/// fs/list: a name that cannot be one of its directory, "(same as directory)", "(contains subdir)", "(too short)": of a bucket,
/// a key that no path can be. rclone goes on without it.
constexpr std::array<std::string_view, 1> odd_words = {"Entry doesn't belong in directory"};

template <std::size_t n>
bool says(std::string_view text, const std::array<std::string_view, n>& words) {
  for (const std::string_view word : words)
    if (text.find(word) != std::string_view::npos) return true;
  return false;
}

/// Azure's library tells an error over some twenty lines: this one says what it is.
constexpr std::string_view azure_status = "RESPONSE Status: ";

/// A line that only goes on with the one before: of those, the one that says it, or nothing.
std::optional<std::string_view> telling(std::string_view line) {
  if (const std::size_t at = line.find(azure_status); at != std::string_view::npos)
    return line.substr(at + azure_status.size());
  const bool goes_on =
      line.starts_with(' ') || line.starts_with(',') || line.starts_with("=====") || line.starts_with("Description=");
  return goes_on ? std::nullopt : std::optional(line);
}

}  // namespace

void LogNotes::take(const LogLine& line) {
  const bool serious = line.level == LogLevel::error || line.level == LogLevel::plain;
  if (serious) {
    errors_ += line.level == LogLevel::error ? 1 : 0;
    odd_names_ += line.level == LogLevel::error && says(line.message, odd_words) ? 1 : 0;
    not_found_ = not_found_ || says(line.message, not_found_words);
    corrupted_ = corrupted_ || says(line.message, corrupted_words);
  }
  const bool shown = serious || (line.level == LogLevel::notice && !line.stats && line.skipped.empty());
  if (!shown || line.message.empty() || ++taken_ > max_notes) return;
  const auto words = line.level == LogLevel::plain ? telling(line.message) : std::optional<std::string_view>(line.message);
  if (!words) return;
  note(serious, without_secrets(line.object.empty() ? std::string(*words) : fmt::format("{}: {}", line.object, *words)));
}

void LogNotes::finish() {
  if (taken_ > max_notes) note(true, fmt::format("rclone said {} more lines, left out here", taken_ - max_notes));
}

void LogNotes::note(bool warning, std::string_view text) const {
  Record record;
  record.kind = Record::Kind::note;
  record.number[0] = warning ? 1 : 0;
  record.set_text(text);
  send_record(report_, record);
}

}  // namespace backupctl::relay
