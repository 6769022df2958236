#pragma once

#include <span>
#include <string>

#include "gate/restore/target_tree.h"

namespace backupctl::archive {

/// Creates the members of an archive in the target, one after the other: begin, the content's pieces, end.
class MemberPlacer {
 public:
  MemberPlacer(UniqueFd target, Reporter& reporter) : tree_(std::move(target), reporter), reporter_(reporter) {}

  /// @param member  with safe names (member_path.h); must stay until end(). Error: as TargetTree's.
  Result<> begin(const Member& member);
  /// Content of a regular file; of anything else it is dropped.
  Result<> write(std::span<const char> bytes, std::int64_t offset);
  /// Shares the content of the open file `from` instead of writing it (FICLONE, ioctl_ficlone(2)): after begin() of a regular
  /// file. @return false: the file system cannot, and nothing was written.
  Result<bool> share(int from);
  Result<> end();
  /// Removes what lies at a path, with all beneath it; nothing there is no error.
  Result<> remove(const std::string& path);
  /// Whether a file of this kind and size lies there. Its directory is the current one, or one above it.
  bool holds(const std::string& path, const struct stat& st);
  Result<> finish() { return tree_.finish(); }

 private:
  Result<> hard_link(int dir, const std::string& name, const Member& member);
  Result<> open_new(int dir, const std::string& name, int flags, mode_t mode);

  TargetTree tree_;
  Reporter& reporter_;
  const Member* member_ = nullptr;
  UniqueFd file_;
};

}  // namespace backupctl::archive
