#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// What an export sends: the named files of a snapshot's folder as one tar (GNU format, tar(5) of libarchive), members
/// `ID/NAME`, owner 0, mode 0644, all of one time. The same bytes whenever it is made, so that a transfer that was cut off can
/// go on.
struct Packing {
  std::string id;
  std::int64_t time = 0;           ///< unix seconds, of all members
  std::uint64_t offset = 0;        ///< bytes of the tar that are left out at its front
  std::vector<std::string> names;  ///< in this order
};

/// Reads the arguments: `--pack ID --time SECONDS --offset BYTES NAME...`. Error: Exit::bug.
Result<Packing> parse_packing(std::span<const std::string> args);

/// Opens all files before it writes the first byte, so that a folder which is rotated away meanwhile is sent whole.
/// @param folder  open directory. @param out  where the tar goes
/// @return bytes written. Error: Exit::io_error, a file cannot be read to its end, and the tar has none either;
/// Exit::unavailable, nobody has taken anything for 15 minutes, or ever will.
Result<std::uint64_t> pack(const Packing& packing, int folder, int out, Reporter& reporter);

}  // namespace backupctl::archive
