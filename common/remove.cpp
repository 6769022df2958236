#include "common/remove.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "common/io.h"

namespace backupctl {
namespace {

/// A directory on the way down: which one it is, and which of its directories are still to be removed. Only the deepest is
/// open; the others are found again as "..", and must be what they were.
struct Level {
  struct stat self {};
  std::vector<std::string> pending;
};

bool same(const struct stat& a, const struct stat& b) { return a.st_ino == b.st_ino && a.st_dev == b.st_dev; }

/// The descent with its outcome.
class Removal {
 public:
  [[nodiscard]] int fault() const { return fault_; }

  /// Removes what is no full directory, and lists the rest.
  Level sweep(int dir) {
    Level level;
    const int again = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(again >= 0 ? ::fdopendir(again) : nullptr, ::closedir);
    if (::fstat(dir, &level.self) != 0 || listing == nullptr) note();
    while (listing != nullptr) {
      errno = 0;
      const dirent* entry = ::readdir(listing.get());
      if (entry == nullptr && errno != 0) note();
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || ::unlinkat(dir, entry->d_name, 0) == 0) continue;
      if (errno != EISDIR && errno != EPERM)
        note();
      else if (::unlinkat(dir, entry->d_name, AT_REMOVEDIR) == 0)
        continue;
      else if (errno == ENOTEMPTY || errno == EEXIST)
        level.pending.push_back(name);
      else
        note();
    }
    return level;
  }

  void note() {
    if (fault_ == 0) fault_ = errno != 0 ? errno : EIO;
  }

 private:
  int fault_ = 0;
};

}  // namespace

bool remove_beneath(int dir) {
  Removal removal;
  std::vector<Level> way;
  std::vector<std::string> names;  // of the levels below the first
  UniqueFd at(::fcntl(dir, F_DUPFD_CLOEXEC, 0));
  way.push_back(removal.sweep(at.get()));
  for (;;) {
    Level& level = way.back();
    if (!level.pending.empty()) {
      std::string name = std::move(level.pending.back());
      level.pending.pop_back();
      UniqueFd below = open_beneath(at.get(), name, O_RDONLY | O_DIRECTORY);
      struct stat st {};
      if (!below || ::fstat(below.get(), &st) != 0 || st.st_dev != level.self.st_dev) {
        if (below) errno = EXDEV;
        removal.note();
        continue;
      }
      at = std::move(below);
      names.push_back(std::move(name));
      way.push_back(removal.sweep(at.get()));
      continue;
    }
    way.pop_back();
    if (way.empty()) break;
    UniqueFd up(::openat(at.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    if (!up || ::fstat(up.get(), &st) != 0 || !same(st, way.back().self)) {
      if (up) errno = EBUSY;
      removal.note();
      break;
    }
    at = std::move(up);
    if (::unlinkat(at.get(), names.back().c_str(), AT_REMOVEDIR) != 0) removal.note();
    names.pop_back();
  }
  errno = removal.fault();
  return removal.fault() == 0;
}

}  // namespace backupctl
