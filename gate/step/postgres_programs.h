#pragma once

#include <string>
#include <vector>

namespace backupctl::step {

/// Where PostgreSQL's programs lie, and of which major version they are.
struct PostgresPrograms {
  std::string directory;
  int version = 0;  ///< 0: not known
};

/// The major version to take for a server of version `server` (0: not known) of those that are installed; 0: there is none.
/// The oldest that is not older than the server: an older pg_dump refuses it (pg_dump(1), NOTES), and what a newer pg_restore
/// sets, an older server may not know (transaction_timeout, since 17). Where all are older or the server is unknown, the
/// newest.
int suitable_version(const std::vector<int>& installed, int server);

/// The programs of this host for that server.
PostgresPrograms choose_programs(int server);

}  // namespace backupctl::step
