#include "client/host.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/escape.h"

namespace backupctl::client {
namespace {

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// One or more letters, digits and . _ - ; first a letter, digit or _ , so that ssh cannot take it for an option.
bool is_word(std::string_view text) {
  return !text.empty() && (is_alnum(text[0]) || text[0] == '_') &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

/// An IPv6 address, with a zone ("fe80::1%eth0") or without.
bool is_ipv6(std::string_view text) {
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos && !is_word(text.substr(percent + 1))) return false;
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(text.substr(0, percent)).c_str(), &address) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// Address and port of what follows the '@'; nothing when it has no such form.
std::optional<Host> parse_place(std::string_view text) {
  Host host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) return std::nullopt;
    host.address = text.substr(1, close - 1);
    if (close + 1 == text.size()) return host;
    if (text[close + 1] != ':') return std::nullopt;
    port = text.substr(close + 2);
  } else if (is_ipv6(text)) {
    host.address = text;
    return host;
  } else {
    const std::size_t colon = text.find(':');
    if (!is_word(text.substr(0, colon)) || std::min(colon, text.size()) > 253) return std::nullopt;  // RFC 1035: 253 characters
    host.address = text.substr(0, colon);
    if (colon == std::string_view::npos) return host;
    port = text.substr(colon + 1);
  }
  const auto number = parse_port(port);
  if (!number) return std::nullopt;
  host.port = *number;
  return host;
}

}  // namespace

Result<Host> parse_host(std::string_view text) {
  if (text.empty())
    return fail(Exit::bad_config,
                "BACKUP_HOST is not set, so nothing was sent: set it to user@host of the machine with the gate");
  const std::size_t at = text.find('@');
  const std::string_view user = at == std::string_view::npos ? default_user : text.substr(0, at);
  auto host = parse_place(at == std::string_view::npos ? text : text.substr(at + 1));
  if (!host || !is_word(user) || user.size() > 32)
    return fail(
        Exit::bad_config,
        "BACKUP_HOST \"{}\" is not of the form user@host, user@host:port or user@[ipv6]:port, so nothing was sent: correct it",
        escape_line(text, 100));
  host->user = user;
  return *host;
}

std::string known_hosts_name(const Host& host) {
  return host.port == 22 ? host.address : fmt::format("[{}]:{}", host.address, host.port);
}

std::string display(const Host& host) { return fmt::format("{}@{}", host.user, known_hosts_name(host)); }

}  // namespace backupctl::client
