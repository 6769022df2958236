#include "policy/values.h"

#include <algorithm>
#include <charconv>

#include "common/request.h"

namespace backupctl::policy {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool is_alnum(char c) { return one_of(c, letters) || one_of(c, digits); }

/// All of `text` is of letters, digits and `others`, and it begins with a letter or digit or one of `first`.
bool made_of(std::string_view text, std::string_view others, std::string_view first = {}) {
  return !text.empty() && (is_alnum(text.front()) || one_of(text.front(), first)) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return is_alnum(c) || one_of(c, others); });
}

bool is_text(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

/// No component of a/b/c is empty, "." or "..".
bool is_relative(std::string_view text) {
  if (!is_text(text)) return false;
  while (true) {
    const std::size_t end = text.find('/');
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}
bool is_database(std::string_view text) {
  return is_relative(text) && text.find_first_of("*?[]{}\\,") == std::string_view::npos;
}
bool is_absolute(std::string_view text) { return text.starts_with('/') && is_relative(text.substr(1)); }
bool is_root(std::string_view text) { return text == "/" || is_absolute(text) || is_relative(text); }

bool is_zone(std::string_view text) {
  return text.size() <= 64 && one_of(text.empty() ? ' ' : text.front(), letters) && made_of(text, "_+-/") && is_relative(text);
}
bool is_engine_name(std::string_view text) { return made_of(text, "_.-"); }
bool is_unit(std::string_view text) { return made_of(text, ":_.\\@-"); }
bool is_user(std::string_view text) { return text.size() <= 32 && made_of(text, "_.-", "_"); }

bool is_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    return is_text(rest) && !authority.empty() && !one_of('@', authority) && !one_of(' ', rest);
  }
  return false;
}
bool is_host(std::string_view text) { return made_of(text, ".-:_[]", "[:"); }
bool is_host_or_socket(std::string_view text) { return is_host(text) || is_absolute(text); }

/// A decimal number of at most six digits, as in the grammar of requests; leading zeros are kept out, they could mean octal.
std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  if (text.empty() || text.size() > 6 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// HH:MM as minutes since midnight, at most `limit`.
std::optional<int> parse_clock(std::string_view text, int limit) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const std::size_t at : {0U, 1U, 3U, 4U})
    if (!one_of(text[at], digits)) return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  const int clock = hour * 60 + minute;
  if (minute > 59 || clock > limit) return std::nullopt;
  return clock;
}

struct Unit {
  char letter;
  int seconds;
};
constexpr Unit units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

}  // namespace

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text == "0") return Seconds{0};
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.letter)) continue;
    if (const auto number = parse_number(text.substr(0, text.size() - 1))) return Seconds{*number} * unit.seconds;
  }
  return std::nullopt;
}

std::optional<Limit> parse_limit(std::string_view text) {
  const bool percent = text.ends_with('%');
  const auto number = parse_number(percent ? text.substr(0, text.size() - 1) : text);
  if (!number || (percent && *number > 100)) return std::nullopt;
  return Limit{*number, percent};
}

std::optional<std::pair<int, int>> parse_hours(std::string_view text) {
  constexpr int day = 24 * 60;
  if (text.size() != 11 || text[5] != '-') return std::nullopt;
  const auto from = parse_clock(text.substr(0, 5), day - 1);
  const auto until = parse_clock(text.substr(6), day);
  if (!from || !until || *from == *until) return std::nullopt;
  return std::pair{*from, *until};
}

namespace form {
const Form any{is_text, "a text without control characters"};
const Form name{backupctl::is_name, "a name (1 to 64 of a-z 0-9 _ -, first a letter or digit)"};
const Form remote_name{backupctl::is_remote_name, "a remote's name (1 to 64 of A-Z a-z 0-9 _ -, first a letter or digit)"};
const Form absolute_path{is_absolute, "an absolute path in its shortest form (no //, ., .. or / at the end)"};
const Form relative_path{is_relative, "a relative path in its shortest form (no //, ., .. or / at either end)"};
const Form database_path{
    is_database,
    "a relative path in its shortest form (no //, ., .. or / at either end) without a comma, a backslash, * ? [ ] { or }"};
const Form remote_root{is_root, "a path in its shortest form (no //, ., .. or / at the end) or \"/\""};
const Form time_zone{is_zone, "\"host\" or the name of a time zone, such as Europe/Berlin"};
const Form engine_name{is_engine_name, "a name of A-Z a-z 0-9 _ . -, first a letter or digit"};
const Form unit{is_unit, "the name of a systemd unit"};
const Form user{is_user, "the name of a Unix account"};
const Form url{is_url, "a URL http://HOST… or https://HOST… without user and password"};
const Form host{is_host, "the name or address of a host"};
const Form host_or_socket{is_host_or_socket, "the name or address of a host, or the absolute path of a socket's directory"};
}  // namespace form

}  // namespace backupctl::policy
