#include "gate/journal/line.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <charconv>

#include "common/escape.h"
#include "common/io.h"

namespace backupctl::journal {
namespace {

constexpr std::string_view seq_key = "{\"seq\":";
constexpr std::string_view prev_key = ",\"prev\":\"";
constexpr std::size_t longest_value = 1500;

}  // namespace

std::string format_line(const Entry& entry, const Position& before, std::int64_t unix_seconds) {
  const time_t seconds = unix_seconds;
  tm utc{};
  ::gmtime_r(&seconds, &utc);
  char time[32];
  ::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::string line =
      fmt::format("{}{},\"time\":\"{}\",\"event\":{}", seq_key, before.sequence + 1, time, json_string(entry.event));
  for (const auto& [name, value] : entry.fields)
    line += fmt::format(",{}:{}", json_string(name), json_string(escape_line(value, longest_value)));
  return line + std::string(prev_key) + before.hash + "\"}";
}

std::uint64_t sequence_of(std::string_view line) {
  std::uint64_t sequence = 0;
  if (line.starts_with(seq_key)) std::from_chars(line.data() + seq_key.size(), line.data() + line.size(), sequence);
  return sequence;
}

std::string_view previous_of(std::string_view line) {
  // At the very end, where no value of the line's own can imitate it.
  const std::size_t size = prev_key.size() + 64 + 2;
  if (line.size() < size || !line.ends_with("\"}")) return {};
  const std::string_view end = line.substr(line.size() - size);
  return end.starts_with(prev_key) ? end.substr(prev_key.size(), 64) : std::string_view{};
}

std::optional<Position> read_head(const state::StateDir& state) {
  UniqueFd fd = open_beneath(state.fd(), "journal/head", O_RDONLY);
  char text[128];
  const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : -1;
  if (n < 66) return std::nullopt;
  Position position;
  position.hash.assign(text, 64);
  const auto [end, error] = std::from_chars(text + 65, text + n, position.sequence);
  return error == std::errc{} ? std::optional(position) : std::nullopt;
}

void write_head(const state::StateDir& state, const Position& position) {
  UniqueFd fd = open_beneath(state.fd(), "journal/head", O_WRONLY | O_CREAT, 0600);
  const std::string text = fmt::format("{} {:<20}\n", position.hash, position.sequence);
  if (fd) [[maybe_unused]]
    const ssize_t n = ::pwrite(fd.get(), text.data(), text.size(), 0);
}

}  // namespace backupctl::journal
