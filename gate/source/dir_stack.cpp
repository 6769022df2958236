#include "gate/source/dir_stack.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace backupctl::archive {

DirStack::DirStack(UniqueFd root) { push(std::move(root)); }

void DirStack::push(UniqueFd dir) {
  struct stat st {};
  ::fstat(dir.get(), &st);
  levels_.push_back({std::move(dir), st.st_dev, st.st_ino});
  if (levels_.size() > max_open + 1) levels_[levels_.size() - 1 - max_open].fd.reset();
}

void DirStack::pop() {
  const UniqueFd child = std::move(levels_.back().fd);
  levels_.pop_back();
  Level& level = levels_.back();
  if (level.fd || !child) return;
  UniqueFd up(::openat(child.get(), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st {};
  if (up && ::fstat(up.get(), &st) == 0 && st.st_dev == level.dev && st.st_ino == level.ino) level.fd = std::move(up);
}

}  // namespace backupctl::archive
