#include "gate/service/signals.h"

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace backupctl::service {
namespace {

/// The text after "KEY:\t" in the line of that key.
std::optional<std::string_view> field(std::string_view status, std::string_view key) {
  for (std::size_t at = 0; at < status.size();) {
    const std::size_t end = std::min(status.find('\n', at), status.size());
    const std::string_view line = status.substr(at, end - at);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(":\t")) return line.substr(key.size() + 2);
    at = end + 1;
  }
  return std::nullopt;
}

/// A mask of signals, as 16 hexadecimal digits; signal 1 is the lowest bit.
std::optional<bool> holds(std::string_view status, std::string_view key, int signal) {
  const auto text = field(status, key);
  std::uint64_t mask = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), mask, 16).ptr != text->data() + text->size())
    return std::nullopt;
  return ((mask >> (signal - 1)) & 1U) != 0;
}

}  // namespace

bool would_be_dropped(std::string_view status, int signal) {
  if (signal < 1 || signal > 64 || signal == SIGKILL || signal == SIGSTOP) return false;
  const auto blocked = holds(status, "SigBlk", signal);  // taken later with sigwait(3) or signalfd(2), as tini does
  const auto ignored = holds(status, "SigIgn", signal);
  const auto caught = holds(status, "SigCgt", signal);
  const auto pids = field(status, "NSpid");  // one number a nested PID namespace, the innermost last
  if (!blocked || !ignored || !caught || !pids) return false;
  const bool first_process = pids->ends_with("\t1");
  return !*blocked && (*ignored || (!*caught && first_process));
}

int signal_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number >= 1 && number <= 64 ? number : 0;
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (int each = 1; each < 32; ++each)
    if (const char* name = sigabbrev_np(each); name != nullptr && text == name) return each;
  return 0;
}

}  // namespace backupctl::service
