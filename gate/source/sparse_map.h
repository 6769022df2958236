#pragma once

#include <vector>

#include "gate/source/member.h"

namespace backupctl::archive {

/// Extents that one file's map holds at most. Beyond it the smallest holes become data: memory stays bounded (X5).
inline constexpr std::size_t max_extents = 50000;

/// Finds the data of a file with holes (lseek(2), SEEK_DATA and SEEK_HOLE).
/// @param size  the file's size in bytes; @param blocks  its allocated 512-byte blocks (st_blocks).
/// @return true when it has holes; `extents` then holds its data, possibly none.
bool find_holes(int fd, std::int64_t size, std::int64_t blocks, std::vector<Extent>& extents);

}  // namespace backupctl::archive
