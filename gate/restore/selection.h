#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/source/member.h"

namespace backupctl::archive {

/// Which members of an archive are restored: all, or single paths with all beneath them, and of the directories above them only
/// themselves. A selected hard link whose first name is not selected takes that one's content: it is restored under the
/// selected name, as a file of its own.
class Selection {
 public:
  /// @param paths  safe (member_path.h); empty: everything.
  explicit Selection(std::vector<std::string> paths) : paths_(std::move(paths)), met_(paths_.size(), false) {}
  [[nodiscard]] bool everything() const { return paths_.empty(); }

  /// Looks at a member with safe names, in a reading of the archive that goes before the one that restores.
  void note(const Member& member);
  /// Error: Exit::bad_data, a path that no noted member has.
  [[nodiscard]] Result<> complete() const;

  /// Whether the member, noted before, is restored; gives it the name under which it is.
  bool take(Member& member) const;

 private:
  [[nodiscard]] bool holds(std::string_view path) const;
  std::vector<std::string> paths_;
  std::vector<bool> met_;
  std::map<std::string, std::string, std::less<>>
      stand_ins_;  ///< a first name that is not selected, and the link that stands in for it
};

}  // namespace backupctl::archive
