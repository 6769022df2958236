#include "common/room.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "common/unique_fd.h"

namespace backupctl {
namespace {

constexpr std::uint64_t part = 20;
constexpr std::uint64_t most_reserved = std::uint64_t{1} << 30;

/// Nothing instead of less than nothing.
std::uint64_t less(std::uint64_t all, std::uint64_t kept) { return all > kept ? all - kept : 0; }

}  // namespace

Result<Room> room_on(int fd) {
  struct statvfs space {};
  if (::fstatvfs(fd, &space) != 0) return fail_errno(Exit::io_error, errno, "the free space of a file system cannot be asked");
  Room room;
  room.reserve = std::min<std::uint64_t>(space.f_blocks * space.f_frsize / part, most_reserved);
  room.free = space.f_bavail * space.f_frsize;
  room.bytes = less(room.free, room.reserve);
  room.files = space.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : less(space.f_favail, space.f_files / part);
  room.block = space.f_frsize;
  return room;
}

std::int64_t free_bytes(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto room = fd ? room_on(fd.get()) : fail(Exit::io_error, "");
  return room ? static_cast<std::int64_t>(room->free) : 0;
}

}  // namespace backupctl
