#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gate/restore/member_placer.h"
#include "gate/snapshot/staged_list.h"
#include "gate/source/exclude.h"
#include "gate/source/tree_walk.h"

namespace backupctl::snapshot {

/// What one pass did.
struct StageTotals {
  std::uint64_t bytes = 0;       ///< of content, copied or shared
  std::uint64_t copied = 0;      ///< paths
  std::uint64_t unchanged = 0;   ///< paths that were there already
  std::uint64_t open_bytes = 0;  ///< of files that the next pass copies again, whatever their stamps say
  bool shared = false;           ///< the file system shares blocks: FICLONE (ioctl_ficlone(2))
};

/// Makes the copy in the staging directory equal to the source as it is walked: what has the stamp it was copied with stays,
/// all else is copied anew, with everything an archive would keep (D7), and what is not there any more is removed.
class Stager : public archive::Visitor {
 public:
  struct Options {
    bool hot = false;          ///< the service runs: what changes meanwhile is no fault, the next pass copies it again
    std::int64_t certain = 0;  ///< seconds since 1970: a file whose status changed later may change again unseen
    archive::Excludes excludes;
  };
  /// @param staging  the staging directory; @param known  the list of what it holds; @param list  receives the new one
  Stager(UniqueFd staging, ListReader& known, ListWriter& list, Options options, archive::Reporter& reporter);

  bool wanted(std::string_view path, std::uint8_t type) override;
  Result<> found(const archive::Found& entry) override;
  bool descend(std::string_view path) override { return !options_.excludes.contents(path); }
  void leave(std::string_view path, const struct stat& before, const struct stat& now) override;
  void lost(archive::NotRead why, std::string_view path, std::string_view what) override;
  /// After the walk.
  Result<> finish();
  [[nodiscard]] const StageTotals& totals() const { return totals_; }

 private:
  /// A file of several names whose other names have not come yet.
  struct Link {
    std::string path;
    Stamp stamp;  ///< as it was copied: a later name must not vouch for an earlier content
    nlink_t left;
    bool copied;  ///< in this pass
  };
  Result<std::optional<Staged>> advance_to(std::string_view path);
  Result<> forget(const Staged& gone);
  Result<> place(const archive::Found& entry, Stamp& stamp);
  Result<> content(const archive::Found& entry, const archive::Member& member, Stamp& stamp);
  Result<> copy(int from, const archive::Member& member, Stamp& stamp);
  Result<> leave_room(std::int64_t size);

  UniqueFd staging_;  ///< for the free space
  archive::MemberPlacer placer_;
  ListReader& known_;
  ListWriter& list_;
  Options options_;
  archive::Reporter& reporter_;
  std::optional<Staged> next_;  ///< of known_
  std::map<std::pair<dev_t, ino_t>, Link> links_;
  std::vector<char> buffer_;
  std::uint64_t room_left_ = 0;  ///< bytes that may be written before the free space is looked at again
  bool may_share_ = true;
  StageTotals totals_;
};

}  // namespace backupctl::snapshot
