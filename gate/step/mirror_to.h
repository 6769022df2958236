#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/civil_date.h"
#include "gate/step/remote_files.h"
#include "gate/step/source.h"

namespace backupctl::step {

/// What is mirrored, and what its mirror is called.
struct MirrorSubject {
  std::string name, path;
  const std::vector<std::string>& exclude;
  const policy::Guard& guard;
  bool extra;  ///< an extra target
  bool hot;
  const policy::Remote* bucket = nullptr;  ///< what is mirrored, in place of a tree
  std::span<const std::string> prefixes = {};

  [[nodiscard]] std::string mirror(const remote::Layout& layout) const {
    return extra ? layout.extra(name) : layout.data(name);
  }
  [[nodiscard]] std::string history(const remote::Layout& layout, std::string_view date) const {
    return extra ? layout.extra_history(name, date) : layout.history(name, date);
  }
};

/// One remote's mirror: guard (D3), mirror, and of the history what is older than the policy keeps. Of a bucket, every prefix
/// of which must hold something, rclone has both credentials, and copies from server to server.
/// @param source  of a bucket an empty one. @return rclone's figures (gate/relay/progress.h), but for number[0],
/// names that it passed over (D2), and [5], keys that it passed over because no path can be as they are. Error: Exit::bad_data,
/// the guard, and nothing was changed; Exit::io_error, it is incomplete; a remote's own.
Result<Record> mirror_to(Context& context, const policy::Remote& remote, const MirrorSubject& subject, const Source& source,
                         CivilDate today);

}  // namespace backupctl::step
