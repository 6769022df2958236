#pragma once

#include "gate/step/restore.h"

namespace backupctl::step {

/// Restores a Redis server over the wire, wherever it and its files are: with append-only files on a server reads nothing else
/// at its start, so what is to be loaded is sent as commands. The dump is verified to its last key, loaded into a server of
/// ours and written down as commands before the server is spoken to (D6); what it holds is fetched and kept until
/// restore_commit() or restore_rollback(); then it is emptied and filled. That is no single step: a restore that was broken off
/// leaves a part, says so, and may be said again or rolled back. Afterwards the keys are counted (D7), and the server saves.
/// A server that damaged append-only files keep from starting is started without them first (redis_wake.h).
/// Error: Exit::unavailable, the server has other clients, or an earlier restore waits for a decision; Exit::bad_config, it is
/// a replica or of a cluster; Exit::bad_data, the dump is not what was signed, or the keys differ afterwards. RedisClient's.
Result<Report> restore_redis(Context& context, const policy::Service& service, const RestoreWish& wish,
                             const std::string& keys);

/// What was fetched is what is signed, and redis-check-rdb reads it to its end (D6, X6). @return its keys. Error:
/// Exit::bad_data.
Result<std::int64_t> verify_rdb(Context& context, const StoredArchive& stored, int dump);

/// Empties the server, and fills it with what it held before, whoever is connected.
Result<Report> rollback_redis(Context& context, const policy::Service& service);

}  // namespace backupctl::step
