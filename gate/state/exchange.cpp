#include "gate/state/exchange.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>

#include "common/io.h"
#include "gate/state/directory_attributes.h"
#include "gate/state/staging.h"
#include "policy/in_tree_staging.h"

namespace backupctl::state {
namespace {

constexpr const char* old_root = "root.old";  ///< in `stage`, of entries: directories that hold the mount point's own
constexpr const char* new_root = "root.new";  ///< owner, mode and attributes, the old and the restored ones

/// A name in an opened directory, and the inode by it; 0: there is none.
struct Spot {
  UniqueFd dir;
  std::string name;
  std::uint64_t inode = 0;
};

/// The two directories of an exchange, opened without following a link: the tree's owner may write there (X5).
class Ends {
 public:
  static Result<Ends> open(const Exchange::Area& area) {
    Ends ends;
    ends.base_ = open_no_symlinks(area.base, O_RDONLY | O_DIRECTORY);
    if (!ends.base_) return fail_errno(Exit::io_error, errno, "cannot open {}", area.base);
    ends.stage_ = open_no_symlinks(area.stage, O_RDONLY | O_DIRECTORY);
    if (!ends.stage_) return fail_errno(Exit::io_error, errno, "cannot open {} (is its file system mounted?)", area.stage);
    if (!is_private(ends.stage_.get()))
      return fail(Exit::bad_config, "{} is not root's alone any more, so nothing of it is put in place", area.stage);
    return ends;
  }
  [[nodiscard]] Result<Spot> place(const Exchange::Slot& slot) const { return spot(base_.get(), slot.place); }
  [[nodiscard]] Result<Spot> staged(const Exchange::Slot& slot) const { return spot(stage_.get(), slot.staged); }
  [[nodiscard]] int base() const { return base_.get(); }
  [[nodiscard]] int stage() const { return stage_.get(); }

 private:
  static Result<Spot> spot(int root, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    Spot spot{open_beneath(root, slash == std::string::npos ? "." : path.substr(0, slash), O_RDONLY | O_DIRECTORY),
              slash == std::string::npos ? path : path.substr(slash + 1)};
    if (!spot.dir)
      return fail_errno(Exit::io_error, errno, "cannot open the directory in which {} lies (make it again, if it was removed)",
                        path);
    struct stat st {};
    if (::fstatat(spot.dir.get(), spot.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
      spot.inode = st.st_ino;
    else if (errno != ENOENT)
      return fail_errno(Exit::io_error, errno, "cannot look at {}", path);
    return spot;
  }
  UniqueFd base_, stage_;
};

/// One atomic change of places, whichever side is empty.
Result<> flip(const Spot& place, const Spot& staged) {
  if (place.inode == 0 && staged.inode == 0) return {};
  const Spot& from = place.inode != 0 ? place : staged;
  const Spot& to = place.inode != 0 ? staged : place;
  const unsigned flags = place.inode != 0 && staged.inode != 0 ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(from.dir.get(), from.name.c_str(), to.dir.get(), to.name.c_str(), flags) == 0) return {};
  const bool cannot = errno == EXDEV || errno == EINVAL || errno == EBUSY;
  return fail_errno(cannot ? Exit::bad_config : Exit::io_error, errno, "{} cannot change places with what is restored",
                    place.name);
}

/// Brings each slot to one side: the restored one in place, or the old one, if that lies in the stage still.
Result<> bring(const Ends& ends, const Exchange::Area& area, bool restored) {
  for (const Exchange::Slot& slot : area.slots) {
    auto place = ends.place(slot);
    auto staged = ends.staged(slot);
    if (!place || !staged) return pass(place ? staged.error() : place.error());
    if (staged->inode != (restored ? slot.inode : slot.old)) continue;
    if (auto done = flip(*place, *staged); !done) return done;
  }
  if (area.entries) {
    const UniqueFd from = open_beneath(ends.stage(), restored ? new_root : old_root, O_RDONLY | O_DIRECTORY);
    if (!from) return fail_errno(Exit::io_error, errno, "cannot open {} in {}", restored ? new_root : old_root, area.stage);
    if (auto done = copy_directory_attributes(from.get(), ends.base()); !done) return done;
  }
  // On the disk before any record says so.
  if (::syncfs(ends.base()) != 0) return fail_errno(Exit::io_error, errno, "cannot write {} to its disk", area.base);
  return {};
}

/// All areas' directories, in their order.
Result<std::vector<Ends>> open_all(const Exchange& exchange) {
  std::vector<Ends> all;
  for (const Exchange::Area& area : exchange.areas) {
    auto ends = Ends::open(area);
    if (!ends) return pass(ends.error());
    all.push_back(std::move(*ends));
  }
  return all;
}

Result<> add_names(int dir, std::set<std::string>& names) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
                                                    ::closedir);
  for (;;) {
    errno = 0;
    const dirent* entry = listing ? ::readdir(listing.get()) : nullptr;
    if (entry == nullptr && (errno != 0 || !listing)) return fail_errno(Exit::io_error, errno, "cannot list a directory");
    if (entry == nullptr) return {};
    const std::string_view name = entry->d_name;
    // The file system's own, and ours.
    if (name != "." && name != ".." && name != "lost+found" && name != policy::in_tree_staging) names.emplace(name);
  }
}

/// What a mount point and what is restored into it hold by now: a service may have made and removed names since.
Result<> list_entries(const Ends& ends, Exchange::Area& area) {
  std::set<std::string> names;
  const UniqueFd data = open_beneath(ends.stage(), "data", O_RDONLY | O_DIRECTORY);
  if (!data) return fail_errno(Exit::io_error, errno, "cannot open data in {}", area.stage);
  if (auto added = add_names(ends.base(), names); !added) return added;
  if (auto added = add_names(data.get(), names); !added) return added;
  area.slots.clear();
  for (const std::string& name : names) area.slots.push_back({name, "data/" + name});
  return {};
}

/// The owner, mode and attributes of both roots, before anything moves.
Result<> keep_roots(const Ends& ends) {
  const UniqueFd data = open_beneath(ends.stage(), "data", O_RDONLY | O_DIRECTORY);
  for (const auto& [name, from] : {std::pair(old_root, ends.base()), std::pair(new_root, data.get())}) {
    ::mkdirat(ends.stage(), name, 0700);
    const UniqueFd to = open_beneath(ends.stage(), name, O_RDONLY | O_DIRECTORY);
    if (!to) return fail_errno(Exit::io_error, errno, "cannot make {} in the staging directory", name);
    if (auto done = copy_directory_attributes(from, to.get()); !done) return done;
  }
  return {};
}

/// Back to the old files, whatever is where. On an error the record stays, and with it the way back.
Result<> undo(const StateDir& state, const std::vector<Ends>& ends, const Exchange& exchange) {
  for (std::size_t i = 0; i < ends.size(); ++i)
    if (auto done = bring(ends[i], exchange.areas[i], false); !done)
      return fail(
          Exit::io_error,
          "{}: {} may hold old and restored files, so {} must not be started by hand; run backupctl --restore-rollback {}",
          done.error().sentence, exchange.areas[i].base, exchange.service, exchange.service);
  return remove_exchange(state, exchange.service);
}

/// Notes the inodes of both sides. @param restored_in_place  which side the restored one is on
Result<> note_inodes(const Ends& ends, Exchange::Area& area, bool restored_in_place) {
  for (Exchange::Slot& slot : area.slots) {
    const auto place = ends.place(slot);
    const auto staged = ends.staged(slot);
    if (!place || !staged) return pass(place ? staged.error() : place.error());
    slot.inode = restored_in_place ? place->inode : staged->inode;
    slot.old = restored_in_place ? staged->inode : place->inode;
  }
  return {};
}

/// Without the old files the way back would only take away what is there.
Result<> check_old_files(const Ends& ends, const Exchange::Area& area) {
  for (const Exchange::Slot& slot : area.slots) {
    if (slot.old == 0) continue;
    const auto staged = ends.staged(slot);
    if (!staged) return pass(staged.error());
    if (staged->inode != slot.old)
      return fail(Exit::io_error, "the old {} is gone from {}, or another, so it is not put back; nothing was changed",
                  slot.staged, area.stage);
  }
  return {};
}

}  // namespace

Result<> exchange(const StateDir& state, Exchange& exchange) {
  const auto ends = open_all(exchange);
  if (!ends) return pass(ends.error());
  for (std::size_t i = 0; i < ends->size(); ++i) {
    Exchange::Area& area = exchange.areas[i];
    if (area.entries) {
      if (auto listed = list_entries((*ends)[i], area); !listed) return listed;
      if (auto kept = keep_roots((*ends)[i]); !kept) return kept;
    }
    if (auto noted = note_inodes((*ends)[i], area, false); !noted) return noted;
  }
  exchange.phase = Exchange::Phase::moving;
  if (auto written = write_exchange(state, exchange); !written) return written;
  Result<> done;
  for (std::size_t i = 0; done && i < ends->size(); ++i) done = bring((*ends)[i], exchange.areas[i], true);
  exchange.phase = Exchange::Phase::unproven;
  if (done) done = write_exchange(state, exchange);
  if (done) return done;
  if (auto undone = undo(state, *ends, exchange); !undone)
    return fail(Exit::io_error, "{}; {}", done.error().sentence, undone.error().sentence);
  return done;
}

Result<> put_back(const StateDir& state, Exchange exchange) {
  const auto ends = open_all(exchange);
  if (!ends) return pass(ends.error());
  for (std::size_t i = 0; i < ends->size(); ++i)
    if (auto there = check_old_files((*ends)[i], exchange.areas[i]); !there) return there;
  for (std::size_t i = 0; i < ends->size(); ++i) {
    Exchange::Area& area = exchange.areas[i];
    if (area.entries)
      if (auto listed = list_entries((*ends)[i], area); !listed) return listed;
    // The service may have put others in their place.
    if (auto noted = note_inodes((*ends)[i], area, true); !noted) return noted;
  }
  exchange.phase = Exchange::Phase::undoing;
  if (auto written = write_exchange(state, exchange); !written) return written;
  return undo(state, *ends, exchange);
}

Result<bool> settle_exchange(const StateDir& state, const std::string& service) {
  const auto exchange = read_exchange(state, service);
  if (!exchange) return pass(exchange.error());
  if (!exchange->has_value() || !(*exchange)->broken_off()) return false;
  const auto ends = open_all(**exchange);
  if (!ends)
    return fail(Exit::io_error,
                "a restore of {} was broken off and cannot be undone: {}; the service is not started on what may be a mixture",
                service, ends.error().sentence);
  if (auto undone = undo(state, *ends, **exchange); !undone) return pass(undone.error());
  return true;
}

}  // namespace backupctl::state
