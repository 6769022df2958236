#include "gate/source/name_text.h"

#include <algorithm>
#include <array>

namespace backupctl::archive {
namespace {

struct Range {
  char32_t first, last;
};
constexpr std::array stable_ranges = std::to_array<Range>({
    {0x0000, 0x02FF},  // Basic Latin to Spacing Modifier Letters
    {0x0391, 0x03CE},  // Greek letters
    {0x0400, 0x0482},
    {0x048A, 0x052F},  // Cyrillic
    {0x2010, 0x2027},
    {0x2030, 0x205E},  // punctuation
    {0x20A0, 0x20BF},  // currency signs
    {0x3001, 0x3029},
    {0x3041, 0x3096},
    {0x30A1, 0x30FC},    // CJK punctuation, kana
    {0x4E00, 0x9FFF},    // CJK ideographs
    {0xAC00, 0xD7A3},    // Hangul syllables
    {0xFF01, 0xFF9D},    // full-width forms
    {0x1F300, 0x1FAFF},  // pictographs
});

/// The code point at the front of `s`, removed from it; char32_t(-1) when there is no well-formed one (RFC 3629).
char32_t take(std::string_view& s) {
  constexpr auto bad = static_cast<char32_t>(-1);
  const auto first = static_cast<std::uint8_t>(s[0]);
  const std::size_t length = first < 0x80                     ? 1
                             : first >= 0xC2 && first <= 0xDF ? 2
                             : (first & 0xF0U) == 0xE0        ? 3
                             : first >= 0xF0 && first <= 0xF4 ? 4
                                                              : 0;
  if (length == 0 || s.size() < length) return bad;
  auto code = static_cast<char32_t>(length == 1 ? first : first & (0x7FU >> length));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<std::uint8_t>(s[i]);
    if ((byte & 0xC0U) != 0x80) return bad;
    code = code << 6U | (byte & 0x3FU);
  }
  s.remove_prefix(length);
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return bad;
  return code;
}

}  // namespace

NameText classify(std::string_view name) {
  NameText worst = NameText::stable;
  while (!name.empty()) {
    const char32_t code = take(name);
    if (code == static_cast<char32_t>(-1)) return NameText::bytes;
    if (std::none_of(stable_ranges.begin(), stable_ranges.end(),
                     [code](const Range& range) { return code >= range.first && code <= range.last; }))
      worst = NameText::utf8;
  }
  return worst;
}

}  // namespace backupctl::archive
