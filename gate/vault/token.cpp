#include "gate/vault/token.h"

#include <algorithm>
#include <array>
#include <utility>

namespace backupctl::vault {
namespace {

struct KnownKey {
  std::string_view name;
  bool number;
};
// golang.org/x/oauth2, token.go, json tags; expires_in since v0.21.
constexpr std::array<KnownKey, 5> known{{
    {"access_token", false},
    {"token_type", false},
    {"refresh_token", false},
    {"expiry", false},
    {"expires_in", true},
}};
constexpr std::size_t access_index = 0, refresh_index = 2;

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes a string literal (RFC 8259 section 7, restricted to printable ASCII); gives its inside, still escaped.
bool take_string(std::string_view& text, std::string_view& inside) {
  if (!take(text, '"')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      inside = text.substr(0, i);
      text.remove_prefix(i + 1);
      return true;
    }
    if (c < 0x20 || c > 0x7e) return false;
    if (c != '\\') continue;
    if (++i == text.size()) return false;
    if (text[i] != 'u') {
      if (std::string_view("\"\\/bfnrt").find(text[i]) == std::string_view::npos) return false;
      continue;
    }
    if (text.size() - i <= 4) return false;
    if (text.substr(i + 1, 4).find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return false;
    i += 4;
  }
  return false;
}

bool take_number(std::string_view& text, std::string_view& digits) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  if (end == 0 || end > 12) return false;
  digits = text.substr(0, end);
  text.remove_prefix(end);
  return true;
}

}  // namespace

Result<> check_token(std::string_view token, std::string_view before) {
  if (token.size() > max_token) return fail(Exit::io_error, "its token is longer than {} bytes", max_token);
  std::array<std::string_view, known.size()> values{};
  std::array<bool, known.size()> seen{};
  std::string_view rest = token;
  bool more = take(rest, '{');
  while (more) {
    std::string_view name;
    if (!take_string(rest, name) || !take(rest, ':')) break;
    const auto* const key = std::ranges::find(known, name, &KnownKey::name);
    if (key == known.end()) return fail(Exit::io_error, "its token has a key that no OAuth token has");
    const auto index = static_cast<std::size_t>(key - known.begin());
    if (std::exchange(seen[index], true)) return fail(Exit::io_error, "its token has a key twice");
    if (!(key->number ? take_number(rest, values[index]) : take_string(rest, values[index]))) break;
    more = take(rest, ',');
  }
  if (more || !take(rest, '}') || !rest.empty()) return fail(Exit::io_error, "its token is not the JSON that rclone writes");
  if (values[access_index].empty()) return fail(Exit::io_error, "its token has no access_token");
  // Without one the owner would be locked out when the access token expires (D5).
  if (before.find("\"refresh_token\"") != std::string_view::npos && values[refresh_index].empty())
    return fail(Exit::io_error, "its token has lost the refresh_token");
  return {};
}

}  // namespace backupctl::vault
