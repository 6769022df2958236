#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/source/dir_stack.h"
#include "gate/source/member.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// The directories that a restore stands in. Every step goes from one open directory to a name in it and follows no link, so
/// that nothing is created outside the target (X5) and no path is too long. A directory's times, which any new entry would
/// change, and its default list, which new entries would inherit, are set when it is left.
class TargetTree {
 public:
  TargetTree(UniqueFd target, Reporter& reporter) : stack_(std::move(target)), reporter_(reporter) {}

  /// Goes to a directory, leaving those that are not above it; what does not exist is made (mode 0700).
  /// @param path  safe (member_path.h); empty: the target. @return its descriptor, valid until the next call.
  /// Error: Exit::bad_data when a link or file stands in the way; io_error.
  Result<int> go_to(std::string_view path);
  /// Makes the directory that `member` describes, or takes the one that is there, and goes there.
  Result<> make_directory(const Member& member);
  /// Leaves all directories; nothing may follow.
  Result<> finish() { return leave_to(0); }

  /// Opens a directory that exists, wherever it is; go_to()'s place does not change.
  Result<UniqueFd> open_directory(std::string_view path) const;

 private:
  struct Level {
    std::size_t path_size;  ///< of this directory's path
    struct timespec mtime;  ///< set when it is left
    std::string acl_default;
  };
  Result<> enter(std::string_view name, const Member* member);
  Result<> leave_to(std::size_t depth);
  [[nodiscard]] bool within(const Level& level, std::string_view path) const;

  DirStack stack_;
  Reporter& reporter_;
  std::string path_;           ///< of the deepest level
  std::vector<Level> levels_;  ///< below the target
};

}  // namespace backupctl::archive
