#pragma once

#include <string>
#include <string_view>

#include "client/host.h"
#include "common/result.h"

namespace backupctl::client {

/// Whether a value of BACKUP_KNOWN_HOSTS is the lines themselves rather than the path of a file: it holds a key type.
bool is_inline_known_hosts(std::string_view value);

/// Rebuilds known_hosts lines whose breaks were lost, turned to spaces or to the two characters \n, or gained CRs:
/// [@marker] names keytype key, one a line, comments dropped (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
/// Error: Exit::bad_config when there is no such line.
Result<std::string> rebuild_known_hosts(std::string_view value);

/// Whether lines of a known_hosts file may speak of `host`: by address, by [address]:port, by any pattern, or, when the port is
/// not 22, by a hashed name. ssh takes a line for the address alone as good for every port when it matches, yet as absent when
/// it does not; such a host is not new, and its key must match.
bool may_name_host(std::string_view lines, const Host& host);

}  // namespace backupctl::client
