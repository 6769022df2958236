#include "common/escape.h"

#include <fmt/format.h>

#include <cstdint>

namespace backupctl {
namespace {

/// Length of the well-formed UTF-8 sequence at the front of `s` (Unicode 15, table 3-7); 0 when there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<std::uint8_t>(s[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned a = byte(0);
  const unsigned b = byte(1);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return tail(1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    const bool second = tail(1) && !(a == 0xE0 && b < 0xA0) && !(a == 0xED && b > 0x9F);
    return second && tail(2) ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    const bool second = tail(1) && !(a == 0xF0 && b < 0x90) && !(a == 0xF4 && b > 0x8F);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view sequence) {
  const auto a = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return a < 0x20 || a == 0x7F;
  return sequence.size() == 2 && a == 0xC2 && static_cast<std::uint8_t>(sequence[1]) < 0xA0;  // C1: U+0080 to U+009F
}

}  // namespace

std::string escape_line(std::string_view bytes, std::size_t limit) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const std::string_view sequence = bytes.substr(0, length == 0 ? 1 : length);
    std::string piece;
    if (length == 0 || is_control(sequence) || sequence == "\\") {
      for (const char c : sequence) piece += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
    } else {
      piece = sequence;
    }
    if (out.size() + piece.size() > limit) return out + "…";
    out += piece;
    bytes.remove_prefix(sequence.size());
  }
  return out;
}

std::string json_string(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const std::string_view sequence = bytes.substr(0, length == 0 ? 1 : length);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (sequence == "\"" || sequence == "\\") {
      out += '\\';
      out += sequence;
    } else if (is_control(sequence)) {
      out +=
          fmt::format("\\u{:04x}", static_cast<std::uint8_t>(sequence.back()));  // of C1, too, the last byte is the code point
    } else {
      out += sequence;
    }
    bytes.remove_prefix(sequence.size());
  }
  return out + '"';
}

}  // namespace backupctl
