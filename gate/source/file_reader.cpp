#include "gate/source/file_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace backupctl::archive {
namespace {

constexpr std::size_t bounce_size = 256 * 1024;
constexpr std::int64_t max_hashed_holes = std::int64_t{4} << 30;
constexpr std::int64_t large = 1 << 20;
constexpr std::string_view sqlite_header{"SQLite format 3", 16};  // its NUL included: SQLite's Database File Format, 1.3.1

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

Result<FileReader::Stored> FileReader::store(int fd, const Member& member) {
  Stored stored;
  const std::int64_t size = member.st.st_size;
  if (size >= large) ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::int64_t data_size = size;
  if (member.sparse) {
    data_size = 0;
    for (const Extent& extent : member.extents) data_size += extent.length;
  }
  hash_.reset();
  if (size - data_size <= max_hashed_holes) hash_.emplace();
  if (!member.sparse) {
    if (auto done = data(fd, member, {0, size}, stored); !done) return pass(done.error());
  } else {
    std::int64_t at = 0;
    for (const Extent& extent : member.extents) {
      if (auto done = hole(extent.offset - at); !done) return pass(done.error());
      if (auto done = data(fd, member, extent, stored); !done) return pass(done.error());
      at = extent.offset + extent.length;
    }
    if (auto done = hole(size - at); !done) return pass(done.error());
  }
  if (hash_) stored.content = hash_->finish();
  struct stat now {};
  if (stored.outcome == Outcome::same &&
      (::fstat(fd, &now) != 0 || now.st_size != size || !same_time(now.st_mtim, member.st.st_mtim) ||
       !same_time(now.st_ctim, member.st.st_ctim)))
    stored.outcome = Outcome::changed;
  return stored;
}

Result<> FileReader::data(int fd, const Member& member, Extent extent, Stored& stored) {
  bool ended = false;
  const bool direct = pipe_ != nullptr && !member.sparse;
  if (!direct && bounce_ == nullptr) bounce_ = std::make_unique_for_overwrite<char[]>(bounce_size);
  while (extent.length > 0) {
    // Straight into the block that will be compressed.
    std::span<char> room = direct ? pipe_->space() : std::span<char>(bounce_.get(), bounce_size);
    room = room.first(std::min(room.size(), static_cast<std::size_t>(extent.length)));
    ssize_t n = ended ? 0 : ::pread(fd, room.data(), room.size(), extent.offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 && !ended) {
      ended = true;
      stored.outcome = n < 0 ? Outcome::unreadable : Outcome::changed;
      stored.code = n < 0 ? errno : 0;
    }
    if (ended) {
      n = static_cast<ssize_t>(room.size());
      std::memset(room.data(), 0, room.size());
    }
    const auto bytes = room.first(static_cast<std::size_t>(n));
    if (extent.offset == 0) stored.database = std::string_view(bytes.data(), bytes.size()).starts_with(sqlite_header);
    if (hash_) hash_->update(bytes.data(), bytes.size());
    if (tar_ != nullptr)
      if (auto done = tar_->content(bytes); !done) return done;
    extent.offset += n;
    extent.length -= n;
    bytes_ += bytes.size();
    reporter_.progress(bytes_);
  }
  return {};
}

Result<> FileReader::hole(std::int64_t size) {
  static constexpr char zeros[4096] = {};
  for (std::int64_t left = hash_ ? size : 0; left > 0; left -= static_cast<std::int64_t>(sizeof zeros))
    hash_->update(zeros, static_cast<std::size_t>(std::min(left, static_cast<std::int64_t>(sizeof zeros))));
  return tar_ != nullptr ? tar_->hole(size) : Result<>{};
}

}  // namespace backupctl::archive
