#include "gate/source/sparse_map.h"

#include <unistd.h>

#include <cerrno>

namespace backupctl::archive {
namespace {

/// Joins neighbours that lie less than `gap` bytes apart.
void join(std::vector<Extent>& extents, std::int64_t gap) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < extents.size(); ++i) {
    Extent& last = extents[kept];
    if (extents[i].offset - (last.offset + last.length) < gap)
      last.length = extents[i].offset + extents[i].length - last.offset;
    else
      extents[++kept] = extents[i];
  }
  extents.resize(kept + 1);
}

}  // namespace

bool find_holes(int fd, std::int64_t size, std::int64_t blocks, std::vector<Extent>& extents) {
  extents.clear();
  if (size == 0 || blocks * 512 >= size) return false;
  std::int64_t gap = 1;
  for (std::int64_t at = 0; at < size;) {
    const std::int64_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // no data to the end
    if (data < 0) return false;
    std::int64_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0 || hole > size) hole = size;
    if (data >= size || hole <= data) break;  // the file shrinks meanwhile
    extents.push_back({data, hole - data});
    at = hole;
    while (extents.size() > max_extents) join(extents, gap *= 2);
  }
  return extents.size() != 1 || extents[0].length != size;
}

}  // namespace backupctl::archive
