#pragma once

#include <cstdint>

#include "gate/state/spool.h"
#include "gate/step/redis_client.h"

namespace backupctl::step {

/// A dump file as the commands that make what it holds.
struct RedisCommands {
  state::Spool spool;  ///< in which they lie
  UniqueFd file;       ///< at its start
  RedisInfo held;      ///< what they make; of keys that expire some may have, once they are sent
};

/// Has a Redis server of ours read the dump and write it down as commands (BGREWRITEAOF), so that nobody but Redis needs to
/// know what a dump looks like, and so that a dump is known to load before a server is touched. It runs in the role "loader"
/// without a network, and takes as much memory as the data. @param dump  a file that redis-check-rdb has read; copied
/// Error: Exit::bad_config, no redis-server here; Exit::bad_data, it does not load. Nothing was touched.
Result<RedisCommands> commands_of(Context& context, const policy::Service& service, int dump);

/// A spool folder that holds a copy of the file, from its start, as `archive`. Error: Exit::io_error.
Result<state::Spool> copy_to_spool(Context& context, int file);
/// Copies an open file to another, all of it or its first bytes. Error: Exit::io_error.
Result<> copy_file(int from, int to, std::int64_t most = INT64_MAX);

}  // namespace backupctl::step
