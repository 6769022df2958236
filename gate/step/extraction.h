#pragma once

#include <string>
#include <vector>

#include "common/record.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// One run of the extractor in its role.
struct Extraction {
  std::vector<std::string> args;  ///< what it reads, and what that must be (gate/restore/extractor.h)
  int in = -1;                    ///< the archive, or a mirror's manifest, from its beginning
  int mirror = -1;                ///< the fetched mirror; -1: none
  int target = -1;                ///< an open empty directory; -1: nothing is written
  std::string to = {};            ///< how errors call it
};

/// What is not as it was, or could not be restored so, is told line by line.
/// @return the extractor's result. Error: what it found wrong.
Result<Record> run_extractor(Context& context, Extraction what);

}  // namespace backupctl::step
