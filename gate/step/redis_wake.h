#pragma once

#include <string>

#include "gate/step/redis_client.h"

namespace backupctl::step {

/// A server whose append-only files are damaged ends at each start, and nothing can be restored over the wire into what does
/// not run. Where the policy has its `data_dir` and a controller, a server that nobody hears is stopped, and files that
/// redis-check-aof calls damaged are set aside beside where they lay; then it is started, and comes up empty. That is a rename,
/// never a deletion, and comes when the backup was verified (D6). It stands still under a lease (S1). One that is reading its
/// data still is waited for as long as a start may take, and is no damaged one unless it ends. One that runs on files that are
/// whole is not stopped: the policy's address may be wrong (S2). A service that stands still without a lease is started when
/// its files are damaged alone (S2), and they are set aside only when it is not heard then either: of what redis-check-aof
/// calls damaged a server reads some all the same. Broken off anywhere, the same again goes on: the lease starts what was
/// stopped, and a server that is heard needs nothing.
/// @return what was set aside and where, for the user; empty: nothing was, and the server is heard, or the policy lacks what is
/// needed. Error: its sentence says what was set aside; what ran runs again.
Result<std::string> wake_server(Context& context, const policy::Service& service, RedisClient& client);

}  // namespace backupctl::step
