#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace backupctl {

/// What a file system has left for a copy that lies on the disk a service writes to: one that fills it would take the service
/// down (D8), so a part stays its own.
struct Room {
  std::uint64_t free = 0;     ///< bytes available, to others than root as well
  std::uint64_t bytes = 0;    ///< the same without the reserve
  std::uint64_t files = 0;    ///< the same, in inodes; very many where their number is not fixed (statvfs(3), f_files 0)
  std::uint64_t reserve = 0;  ///< bytes that stay: a twentieth, at most 1 GiB
  std::uint64_t block = 0;    ///< bytes that the smallest file takes
};

/// @param fd  anything on the file system. Error: Exit::io_error.
Result<Room> room_on(int fd);

/// Bytes available where a directory lies; none where that cannot be asked.
std::int64_t free_bytes(const std::string& directory);

}  // namespace backupctl
