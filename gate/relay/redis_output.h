#pragma once

#include <cstddef>
#include <cstdint>

/// What Redis and its own programs print; the modes take lines in any order, and know no others than those they want.
namespace backupctl::relay {

/// Mode "redis-info": the answer to INFO (redis.io, "INFO": lines "name:value"; Redis 6.2 to 7.2, Valkey). Of each database
/// that holds keys an entry: number[0] keys, [1] those of them that expire, [2] the database's number. The result: number[0]
/// the states below; [1] time of the last save that succeeded, [2] the server's clock, in unix seconds; [3] 60 bits of the
/// run's id; [4] clients connected, the asking one included and replicas not; [5] replicas; [6] major version. Error:
/// Exit::bad_data, it is not that, or has more than 100,000 databases (X5).
namespace redis_state {
inline constexpr std::int64_t loading = 1;
inline constexpr std::int64_t saving = 2;
inline constexpr std::int64_t save_failed = 4;      ///< the last
inline constexpr std::int64_t rewriting = 8;        ///< the append-only file
inline constexpr std::int64_t rewrite_failed = 16;  ///< the last, or a write to it
inline constexpr std::int64_t append_only = 32;
inline constexpr std::int64_t replica = 64;
inline constexpr std::int64_t link_down = 128;  ///< a replica's, to its master
inline constexpr std::int64_t cluster = 256;
}  // namespace redis_state

/// Mode "redis-check": what redis-check-rdb prints of a file. The result: number[0] keys, [1] those of them that expire,
/// [2] those that had expired, [3] where the content ends, in bytes, [4] 1: it called it good.

/// Mode "redis-check-aof": what redis-check-aof prints of append-only files. The result: number[0] 1: it took them for files
/// with a manifest, and called all of them valid; [1] 1: they hold a dump of a newer Redis, which it cannot judge.

}  // namespace backupctl::relay
