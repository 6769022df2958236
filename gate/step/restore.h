#pragma once

#include <optional>
#include <string>

#include "common/civil_date.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// What the operator wants back.
struct RestoreWish {
  std::string service = {};
  std::optional<CivilDate> date = {};   ///< nothing: the newest
  bool mirror = false;                  ///< from the mirror and its manifest, not from an archive; there is no date then
  std::string to = {};                  ///< absolute; an empty directory, made if it is not there
};

/// Fetches an archive and verifies all of it, signature, name, size, digest and every member, before anything is written
/// (D6, X6); then extracts it, members named as in the archive (`data/…`), with everything the archive knows (D7). The
/// service is not touched. A mirror is verified file by file in the same way.
Result<Report> restore(Context& context, const RestoreWish& wish);

}  // namespace backupctl::step
