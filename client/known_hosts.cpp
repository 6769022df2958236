#include "client/known_hosts.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <vector>

namespace backupctl::client {
namespace {

/// How the key types of known_hosts begin (ssh -Q key).
constexpr std::array<std::string_view, 4> key_types = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"};

bool is_key_type(std::string_view word) {
  return std::ranges::any_of(key_types, [&](std::string_view type) { return word.starts_with(type); });
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return parts;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// Line breaks and CRs that were written as \n and \r are breaks again.
std::string unescape_breaks(std::string_view value) {
  std::string text(value);
  for (const std::string_view escaped : {"\\r", "\\n"})
    for (std::size_t at = 0; (at = text.find(escaped, at)) != std::string::npos;) text.replace(at, escaped.size(), "\n");
  return text;
}

/// The entries of one line, which may be several that lost their breaks: a key type has its names before and its key behind it.
void append_entries(std::string_view line, std::string& out) {
  const auto words = split(line, " \t\"'");
  if (words.empty() || words[0].starts_with('#')) return;
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (!is_key_type(words[i]) || is_key_type(words[i - 1]) || words[i - 1].starts_with('#')) continue;
    const std::string_view before = i >= 2 ? words[i - 2] : std::string_view{};
    if (before.ends_with('#')) continue;
    if (before.starts_with('@')) out += fmt::format("{} ", before);
    out += fmt::format("{} {} {}\n", words[i - 1], words[i], words[i + 1]);
  }
}

}  // namespace

bool is_inline_known_hosts(std::string_view value) { return std::ranges::any_of(split(value, " \t\r\n\"'"), is_key_type); }

Result<std::string> rebuild_known_hosts(std::string_view value) {
  const std::string text = unescape_breaks(value);
  std::string lines;
  for (const std::string_view line : split(text, "\r\n")) append_entries(line, lines);
  if (lines.empty())
    return fail(Exit::bad_config,
                "BACKUP_KNOWN_HOSTS holds no line of the form \"name keytype key\", so nothing was sent: "
                "take the line from the host's own /etc/ssh/ssh_host_ed25519_key.pub");
  return lines;
}

bool may_name_host(std::string_view lines, const Host& host) {
  const std::string with_port = fmt::format("[{}]:{}", host.address, host.port);
  for (const std::string_view line : split(lines, "\r\n")) {
    auto words = split(line, " \t");
    if (!words.empty() && words[0].starts_with('@')) words.erase(words.begin());
    if (words.empty() || words[0].starts_with('#')) continue;
    for (const std::string_view name : split(words[0], ",")) {
      if (name.starts_with('|') && host.port != 22) return true;
      if (name.find_first_of("*?") != std::string_view::npos) return true;
      if (same_name(name, host.address) || same_name(name, with_port)) return true;
    }
  }
  return false;
}

}  // namespace backupctl::client
