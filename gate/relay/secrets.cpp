#include "gate/relay/secrets.h"

#include <algorithm>
#include <array>

namespace backupctl::relay {
namespace {

/// In lower case; found anywhere, whatever the case of the text.
constexpr auto names = std::to_array<std::string_view>({
    "authorization:", "authorization\"", "authorization=", "bearer ",     "access_token", "refresh_token",
    "id_token",       "client_secret",   "token=",         "\"token\"",   "token:{",      "tempauth",
    "sig=",           "signature=",      "accountkey",     "sharedkey",   "account_key",  "secret_access",
    "security-token", "cookie:",         "password=",      "password\":", "pass=",        "eyj0",
});

constexpr std::size_t longest_run = 120;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Of base64, base64url and JWTs; without "/", of which paths are made.
bool of_token(char c) {
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_' || c == '=' || c == '.' ||
         c == '!' || c == '*' || c == '%';
}

/// Where the first long run of token characters begins, or the text's end.
std::size_t find_run(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!of_token(text[i])) begin = i + 1;
    if (i + 1 - std::min(begin, i + 1) >= longest_run) return begin;
  }
  return text.size();
}

}  // namespace

std::string without_secrets(std::string_view text) {
  std::string folded(text);
  std::transform(folded.begin(), folded.end(), folded.begin(), lower);
  std::size_t cut = find_run(text);
  for (const std::string_view name : names) cut = std::min(cut, folded.find(name));
  if (cut >= text.size()) return std::string(text);
  return std::string(text.substr(0, cut)) + "[left out: may hold a secret]";
}

}  // namespace backupctl::relay
