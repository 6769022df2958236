#pragma once

#include "gate/state/spool.h"
#include "gate/step/read_tree.h"
#include "gate/step/redis_client.h"

namespace backupctl::step {

/// Backs the service's server up into the file `archive` of the spool: a dump file of Redis, as it was when the server began
/// it, while it is in use. The server saves to its own disk first, which proves that it can; then the dump is fetched over the
/// wire as a replica would (redis-cli --rdb), so that it is one path wherever the server and its files are. It counts when
/// redis-check-rdb reads it to its end, and it holds a key (D3).
/// @return members: keys; files and source_bytes mean nothing of it.
/// Error: nothing was sent. Exit::bad_data, no keys, or redis-check-rdb does not read it; RedisClient's.
Result<TreeRead> dump_redis(Context& context, const policy::Service& service, state::Spool& spool);

/// That the server is no node of a cluster, whose keys are spread over others, and is not still reading its data.
Result<> check_server(const policy::Service& service, const RedisInfo& info, const std::string& doing,
                      const std::string& state);

/// The server's dump into the file `archive` of the spool.
Result<> fetch_rdb(RedisClient& client, state::Spool& spool, const std::string& doing, const std::string& state);

/// What redis-check-rdb finds in the file `archive` of the spool, all of which it reads.
struct RdbContent {
  std::int64_t keys = 0;
  std::int64_t expiring = 0;
};
/// Error: Exit::bad_data, why it is none; @param state  what that means
Result<RdbContent> check_rdb(Context& context, state::Spool& spool, const std::string& state);

}  // namespace backupctl::step
