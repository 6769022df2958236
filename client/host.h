#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace backupctl::client {

/// Where the gate is reached.
struct Host {
  std::string user;     ///< never empty, never begins with '-'
  std::string address;  ///< host name, IPv4 or IPv6 address without brackets; never begins with '-'
  std::uint16_t port = 22;
  bool operator==(const Host&) const = default;
};

/// The account a host without one in BACKUP_HOST is asked for (wire.md, "Installed layout").
inline constexpr std::string_view default_user = "backup_ops";

/// Parses BACKUP_HOST: [user@]host[:port], [user@][ipv6][:port] in brackets, or [user@]ipv6 alone.
/// Error: Exit::bad_config with one sentence. Nothing that ssh could take for an option or expand gets through.
Result<Host> parse_host(std::string_view text);

/// The name known_hosts(5) knows it by: address, or [address]:port when the port is not 22 (sshd(8), known_hosts format).
std::string known_hosts_name(const Host& host);

/// For messages: user@address, with the port when it is not 22.
std::string display(const Host& host);

}  // namespace backupctl::client
