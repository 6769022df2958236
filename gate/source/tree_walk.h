#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/source/attributes.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// Longest path of a member in bytes; what lies deeper is reported. It bounds memory and headers, not the names in use: paths
/// over 4 kB are fine.
inline constexpr std::size_t max_path = 65536;

/// One thing found in a tree, open: nothing of it is reached by a path (X5).
struct Found {
  std::string_view path;  ///< relative to the tree; empty: the tree itself
  int dir;                ///< the directory it lies in, -1 for the tree itself
  const char* name;       ///< its name there
  int fd;                 ///< regular file, directory: readable; anything else: O_PATH
  struct stat st;         ///< of fd

  [[nodiscard]] AttributeSource attributes() const {
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? AttributeSource{fd, -1, nullptr} : AttributeSource{-1, dir, name};
  }
};

/// What a walk tells about a tree.
class Visitor {
 public:
  virtual ~Visitor() = default;
  /// Is this wanted at all? Asked before it is opened. @param type  a DT_ value, a hint.
  virtual bool wanted(std::string_view path, std::uint8_t type) = 0;
  /// Whether a file of ours is mounted over this one, on purpose.
  virtual bool covered(std::string_view) { return false; }
  /// Anything found, a directory before its contents. An error ends the walk.
  virtual Result<> found(const Found& entry) = 0;
  /// Should the walk descend into this directory?
  virtual bool descend(std::string_view path) = 0;
  /// A directory whose contents have all been visited. @param before  as found; @param now  afterwards.
  virtual void leave(std::string_view path, const struct stat& before, const struct stat& now) = 0;
  /// Something that cannot be visited.
  virtual void lost(NotRead why, std::string_view path, std::string_view what) = 0;
};

/// Walks the tree under `root` by directory descriptors, each directory in byte order of its names. Symbolic links are never
/// followed, mounts never crossed but those on purpose, FIFOs and devices never opened; whatever is swapped meanwhile, what is
/// visited is what was opened and looked at (X5). Memory: 32 MiB of names, 4 KiB per level of depth, and the path. Descriptors:
/// DirStack::max_open. Error: what the visitor's was, or the tree itself cannot be read.
Result<> walk_tree(UniqueFd root, Visitor& visitor);

}  // namespace backupctl::archive
