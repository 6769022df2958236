#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/result.h"

namespace backupctl::snapshot {

/// What a finished snapshot was, `info` in the staging directory: the snapshot is complete and on the disk if, and only if,
/// this is there. Lines of `key value`, in this order.
struct Info {
  std::int64_t taken = 0;               ///< unix seconds, when the service stood still
  std::string method = {};              ///< "btrfs", "shared blocks", "copy"
  std::optional<double> downtime = {};  ///< seconds the service stood still (S3); nothing: it was not running
  std::int64_t faults = 0;              ///< files that are not in it as they should be (D2)
  std::string first_fault = {};         ///< one of them, escaped
  std::string of = {};                  ///< what it is of: the SHA-256 of path and exclude, hexadecimal
};

/// @param dir  the staging directory. @return nothing where there is none, or none that is understood.
std::optional<Info> read_info(int dir);
/// Written durably. Error: Exit::io_error.
Result<> write_info(int dir, const Info& info);
/// From here on what lies there is no snapshot. Durable. Error: Exit::io_error.
Result<> remove_info(int dir);

}  // namespace backupctl::snapshot
