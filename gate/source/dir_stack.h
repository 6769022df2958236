#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "common/unique_fd.h"

namespace backupctl::archive {

/// The directories from a root down to where a walk stands, of which only the deepest are held open: the depth of a tree
/// never decides how many descriptors are used (X5). A directory that was closed is opened again through its child's "..",
/// and only used when it is the same inode as before, so that a directory moved while it is walked leads nowhere else.
class DirStack {
 public:
  /// Descriptors held at most, the root's apart.
  static constexpr std::size_t max_open = 64;

  /// @param root  an open directory.
  explicit DirStack(UniqueFd root);
  /// Descends into `dir`, an open child of top().
  void push(UniqueFd dir);
  /// Leaves the top directory for the one above; never called on the root.
  void pop();
  /// The deepest directory; -1 when it was moved away meanwhile and cannot be opened again.
  [[nodiscard]] int top() const { return levels_.back().fd.get(); }
  [[nodiscard]] int root() const { return levels_.front().fd.get(); }
  /// Directories below the root.
  [[nodiscard]] std::size_t depth() const { return levels_.size() - 1; }

 private:
  struct Level {
    UniqueFd fd;
    dev_t dev = 0;
    ino_t ino = 0;
  };
  std::vector<Level> levels_;
};

}  // namespace backupctl::archive
