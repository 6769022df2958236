#include "gate/source/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "gate/source/dir_stack.h"
#include "gate/source/sorted_names.h"

namespace backupctl::archive {
namespace {

constexpr std::size_t names_memory = std::size_t{32} << 20;
constexpr std::size_t least_memory = 4096;

UniqueFd open_name(int dir, const char* name, int flags, std::uint64_t resolve = RESOLVE_NO_XDEV) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, dir, name, &how, sizeof how)));
}

/// How something of this type is opened. Whatever is not known to be a file or directory is not opened for reading: opening a
/// device or FIFO can act or wait. O_NONBLOCK serves the case that one is swapped in after all.
int open_flags(std::uint8_t type) {
  if (type == DT_REG) return O_RDONLY | O_NONBLOCK | O_NOCTTY;
  if (type == DT_DIR) return O_RDONLY | O_DIRECTORY;
  return O_PATH;
}

/// Opens by the hint and, where the hint was wrong, by what it really is. Empty: errno.
UniqueFd open_entry(int dir, const char* name, std::uint8_t type, struct stat& st) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    UniqueFd fd = open_name(dir, name, open_flags(type));
    if (!fd) {
      const bool another = type != DT_UNKNOWN && (errno == ELOOP || errno == ENOTDIR || errno == ENXIO || errno == ENODEV);
      if (!another) return {};
      type = DT_UNKNOWN;  // a link, socket or device took its place: look first
      continue;
    }
    if (::fstat(fd.get(), &st) != 0) return {};
    const bool readable = type == DT_REG || type == DT_DIR;
    if (readable || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) return fd;
    type = S_ISREG(st.st_mode) ? DT_REG : DT_DIR;
  }
  errno = EAGAIN;  // someone swaps it faster than we look
  return {};
}

/// What is mounted over a file; where nothing is any more, because the file was renamed or removed, ESTALE: the live one is not
/// to be taken for its copy.
UniqueFd open_cover(int dir, const char* name, struct stat& st) {
  const bool bare = static_cast<bool>(open_name(dir, name, O_PATH));
  if (bare || errno != EXDEV) {
    if (bare) errno = ESTALE;
    return {};
  }
  UniqueFd fd = open_name(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  return fd && ::fstat(fd.get(), &st) == 0 ? std::move(fd) : UniqueFd();
}

/// What a btrfs snapshot shows in place of a subvolume that it does not hold (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID,
/// linux/btrfs_tree.h).
bool is_empty_stub(int fd, const struct stat& st) {
  struct statfs fs {};
  return st.st_ino == 2 && ::fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

class Walk {
 public:
  Walk(UniqueFd root, Visitor& visitor) : stack_(std::move(root)), visitor_(visitor) {}

  Result<> run() {
    Found top{{}, -1, nullptr, stack_.top(), {}};
    if (::fstat(top.fd, &top.st) != 0) return fail_errno(Exit::io_error, errno, "the tree cannot be read");
    device_ = top.st.st_dev;
    if (auto done = visitor_.found(top); !done) return done;
    enter(top.st);
    while (!levels_.empty()) {
      if (auto done = step(); !done) return done;
    }
    return {};
  }

 private:
  struct Level {
    SortedNames names;
    struct stat st;
    std::size_t path_size;  ///< of this directory's own path
  };

  void enter(const struct stat& st) {
    std::size_t used = 0;
    for (const Level& level : levels_) used += level.names.memory();
    const std::size_t left = used < names_memory ? (names_memory - used) / 2 : 0;
    levels_.push_back({SortedNames(std::max(left, least_memory)), st, path_.size()});
  }

  void leave() {
    struct stat now {};
    path_.resize(levels_.back().path_size);
    if (stack_.top() >= 0 && ::fstat(stack_.top(), &now) == 0) visitor_.leave(path_, levels_.back().st, now);
    levels_.pop_back();
    if (!levels_.empty()) stack_.pop();
  }

  /// Visits the next name of the deepest directory, or leaves it.
  Result<> step() {
    Level& level = levels_.back();
    path_.resize(level.path_size);
    if (stack_.top() < 0) {
      visitor_.lost(NotRead::vanished, path_, "the directory was moved while it was read; the rest of it is missing");
      leave();
      return {};
    }
    auto next = level.names.next(stack_.top());
    if (!next) {
      if (levels_.size() == 1) return pass(next.error());
      visitor_.lost(NotRead::unreadable, path_, next.error().sentence);
    }
    if (!next || next->name == nullptr) {
      leave();
      return {};
    }
    if (!path_.empty()) path_ += '/';
    path_ += next->name;
    return visit(next->name, next->type);
  }

  Result<> visit(const char* name, std::uint8_t type) {
    if (path_.size() > max_path) {
      visitor_.lost(NotRead::unreadable, path_, fmt::format("the path is longer than {} bytes", max_path));
      return {};
    }
    if (!visitor_.wanted(path_, type)) return {};
    Found entry{path_, stack_.top(), name, -1, {}};
    UniqueFd fd = visitor_.covered(path_) ? open_cover(entry.dir, name, entry.st) : open_entry(entry.dir, name, type, entry.st);
    if (!fd) {
      lost(errno);
      return {};
    }
    const bool directory = S_ISDIR(entry.st.st_mode);
    if (directory && (entry.st.st_dev != device_ || is_empty_stub(fd.get(), entry.st))) {
      visitor_.lost(NotRead::mount, path_, "another file system (or btrfs subvolume) is not part of the tree");
      return {};
    }
    entry.fd = fd.get();
    if (auto done = visitor_.found(entry); !done) return done;
    if (directory && visitor_.descend(path_)) {
      stack_.push(std::move(fd));
      enter(entry.st);
    }
    return {};
  }

  void lost(int code) {
    if (code == ENOENT)
      visitor_.lost(NotRead::vanished, path_, "vanished before it was read");
    else if (code == ESTALE)
      visitor_.lost(NotRead::unreadable, path_, "was replaced by another file after it was copied");  // in a hot tree too
    else if (code == EXDEV)
      visitor_.lost(NotRead::mount, path_, "another file system is mounted here, which is not part of the tree");
    else
      visitor_.lost(NotRead::unreadable, path_, "cannot be opened: " + errno_text(code));
  }

  DirStack stack_;
  Visitor& visitor_;
  std::vector<Level> levels_;
  std::string path_;
  dev_t device_ = 0;
};

}  // namespace

Result<> walk_tree(UniqueFd root, Visitor& visitor) { return Walk(std::move(root), visitor).run(); }

}  // namespace backupctl::archive
