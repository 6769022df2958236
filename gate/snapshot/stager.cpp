#include "gate/snapshot/stager.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "common/room.h"
#include "gate/source/sparse_map.h"

namespace backupctl::snapshot {
namespace {

using archive::Found;
using archive::Member;
using archive::NotRead;

constexpr std::size_t block = std::size_t{1} << 20;
constexpr std::uint64_t room_every = std::uint64_t{64} << 20;  ///< bytes copied between two looks at the free space
constexpr std::uint64_t least_taken = 4096;                    ///< bytes of the smallest file

std::string staged_path(std::string_view path) {
  return path.empty() ? std::string(tree_name) : fmt::format("{}/{}", tree_name, path);
}

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

}  // namespace

Stager::Stager(UniqueFd staging, ListReader& known, ListWriter& list, Options options, archive::Reporter& reporter)
    : staging_(duplicate(staging.get())),
      placer_(std::move(staging), reporter),
      known_(known),
      list_(list),
      options_(std::move(options)),
      reporter_(reporter),
      next_(known.next()),
      buffer_(block) {}

bool Stager::wanted(std::string_view path, std::uint8_t type) { return type == DT_DIR || !options_.excludes.file(path); }

/// What the source has no more.
Result<> Stager::forget(const Staged& gone) {
  if (auto removed = placer_.remove(staged_path(gone.path)); !removed) return removed;
  if (S_ISDIR(gone.stamp.type))
    while (next_ && is_within(next_->path, gone.path)) next_ = known_.next();
  return {};
}

/// Removes what the list names before `path`. @return what it knows of the path itself
Result<std::optional<Staged>> Stager::advance_to(std::string_view path) {
  while (next_ && walks_before(next_->path, path)) {
    const Staged gone = std::exchange(*next_, {});
    next_ = known_.next();
    if (auto removed = forget(gone); !removed) return pass(removed.error());
  }
  if (!next_ || next_->path != path) return std::optional<Staged>{};
  return std::exchange(next_, known_.next());
}

Result<> Stager::found(const Found& entry) {
  const mode_t mode = entry.st.st_mode;
  auto known = advance_to(entry.path);
  if (!known) return pass(known.error());
  if (S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode)) {
    if (!options_.hot) reporter_.not_read(NotRead::special, entry.path, "a socket or device is not part of a snapshot");
    return *known ? forget(**known) : Result<>{};
  }
  Stamp stamp = Stamp::of(entry.st);
  const bool linked = !S_ISDIR(mode) && entry.st.st_nlink > 1;
  const auto earlier = linked ? links_.find({entry.st.st_dev, entry.st.st_ino}) : links_.end();
  if (earlier != links_.end()) stamp = earlier->second.stamp;
  // A directory's copy gets new times whenever something in it changed, so each is placed again.
  const std::string path = staged_path(entry.path);
  // A later name of a file that was copied anew is linked to that one, not to the one before.
  const bool stays =
      *known && (*known)->stamp.open == 0 && (*known)->stamp == stamp && !(earlier != links_.end() && earlier->second.copied);
  const bool copied = S_ISDIR(mode) || !stays || !placer_.holds(path, entry.st);
  if (!copied) {
    ++totals_.unchanged;
  } else {
    Stamp open = stamp;
    open.open = 1;
    if (auto told = list_.add(entry.path, open); !told) return told;
    if (*known && ((*known)->stamp.type != stamp.type || ((*known)->stamp.open != 0 && !S_ISDIR(mode))))
      if (auto removed = forget(**known); !removed) return removed;
    const std::uint64_t faults = reporter_.incomplete();
    if (auto placed = place(entry, stamp); !placed) return placed;
    if (reporter_.incomplete() != faults)
      stamp.open = 1;  // told again by every pass, or the last one would know nothing of it (D2)
    if (!S_ISDIR(mode)) ++totals_.copied;
    if (S_ISREG(mode) && stamp.open != 0 && earlier == links_.end())
      totals_.open_bytes += static_cast<std::uint64_t>(stamp.size);
  }
  if (linked && earlier == links_.end())
    links_.emplace(std::pair(entry.st.st_dev, entry.st.st_ino),
                   Link{std::string(entry.path), stamp, entry.st.st_nlink - 1, copied});
  else if (earlier != links_.end() && --earlier->second.left == 0)
    links_.erase(earlier);
  return list_.add(entry.path, stamp);
}

Result<> Stager::place(const Found& entry, Stamp& stamp) {
  Member member;
  member.path = staged_path(entry.path);
  member.st = entry.st;
  if (const auto link = links_.find({entry.st.st_dev, entry.st.st_ino}); link != links_.end() && !S_ISDIR(entry.st.st_mode))
    member.hardlink = staged_path(link->second.path);
  if (S_ISLNK(entry.st.st_mode)) {
    std::array<char, PATH_MAX> target{};
    const ssize_t n = ::readlinkat(entry.fd, "", target.data(), target.size());
    if (n < 0) {
      lost(NotRead::unreadable, entry.path, "the link cannot be read: " + errno_text(errno));
      stamp.open = 1;
      return {};
    }
    member.symlink.assign(target.data(), static_cast<std::size_t>(n));
  }
  std::vector<std::string> missing;
  member.attributes = archive::read_attributes(entry.attributes(), missing);
  for (const std::string& what : missing) lost(NotRead::unreadable, entry.path, "an attribute cannot be read, " + what);
  if (!missing.empty() || stamp.changed >= options_.certain) stamp.open = 1;
  if (auto begun = placer_.begin(member); !begun) return begun;
  if (S_ISREG(entry.st.st_mode) && member.hardlink.empty())
    if (auto copied = content(entry, member, stamp); !copied) return copied;
  return placer_.end();
}

Result<> Stager::content(const Found& entry, const Member& member, Stamp& stamp) {
  bool whole = false;
  if (may_share_ && stamp.size > 0) {
    auto shared = placer_.share(entry.fd);
    if (!shared) return pass(shared.error());
    may_share_ = whole = *shared;
    totals_.shared = totals_.shared || whole;
  }
  if (whole)
    totals_.bytes += static_cast<std::uint64_t>(stamp.size);
  else if (auto copied = copy(entry.fd, member, stamp); !copied)
    return copied;
  struct stat now {};
  Stamp after = ::fstat(entry.fd, &now) == 0 ? Stamp::of(now) : Stamp{};
  after.open = stamp.open;
  if (after == stamp) return {};
  lost(NotRead::changed, entry.path, "changed while it was copied");
  stamp.open = 1;
  return {};
}

Result<> Stager::copy(int from, const Member& member, Stamp& stamp) {
  if (auto room = leave_room(std::min<std::int64_t>(stamp.size, member.st.st_blocks * 512)); !room) return room;
  std::vector<archive::Extent> extents;
  if (!archive::find_holes(from, member.st.st_size, member.st.st_blocks, extents)) extents = {{0, member.st.st_size}};
  for (archive::Extent extent : extents)
    while (extent.length > 0) {
      const auto wished =
          static_cast<std::size_t>(std::min<std::int64_t>(extent.length, static_cast<std::int64_t>(buffer_.size())));
      const ssize_t n = ::pread(from, buffer_.data(), wished, extent.offset);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        lost(NotRead::unreadable, std::string_view(member.path).substr(std::string_view(tree_name).size() + 1),
             "cannot be read to its end: " + errno_text(errno));
      if (n == 0)
        lost(NotRead::changed, std::string_view(member.path).substr(std::string_view(tree_name).size() + 1),
             "ended before its end");
      if (n <= 0) {
        stamp.open = 1;
        return {};
      }
      if (auto written = placer_.write({buffer_.data(), static_cast<std::size_t>(n)}, extent.offset); !written) return written;
      extent.offset += n;
      extent.length -= n;
      totals_.bytes += static_cast<std::uint64_t>(n);
      reporter_.progress(totals_.bytes);
    }
  return {};
}

/// D8: what was promised to files since the last look is not asked for one by one, and many small ones take room as well.
Result<> Stager::leave_room(std::int64_t size) {
  const std::uint64_t wanted = std::max(static_cast<std::uint64_t>(size), least_taken);
  if (wanted <= room_left_) {
    room_left_ -= wanted;
    return {};
  }
  const auto room = room_on(staging_.get());
  if (!room) return pass(room.error());
  if (room->bytes < wanted || room->files == 0)
    return fail(Exit::io_error,
                "a second copy of the tree does not fit beside it, with {} MB and a twentieth of the inodes left for the "
                "service itself; make room, or "
                "point staging at another file system",
                room->reserve >> 20);
  room_left_ = std::min({room->bytes - wanted, room_every, std::min(room->files - 1, room_every) * least_taken});
  return {};
}

void Stager::leave(std::string_view path, const struct stat& before, const struct stat& now) {
  if (Stamp::of(before) != Stamp::of(now)) lost(NotRead::changed, path, "the directory changed while it was copied");
}

void Stager::lost(NotRead why, std::string_view path, std::string_view what) {
  if (!options_.hot) reporter_.not_read(why, path, what);  // the next pass finds it again, or finds it gone
}

Result<> Stager::finish() {
  while (next_) {
    const Staged gone = std::exchange(*next_, {});
    next_ = known_.next();
    if (auto removed = forget(gone); !removed) return removed;
  }
  if (auto done = placer_.finish(); !done) return done;
  return list_.flush();
}

}  // namespace backupctl::snapshot
