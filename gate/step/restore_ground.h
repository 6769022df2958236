#pragma once

#include <string>
#include <vector>

#include "gate/state/exchange_record.h"
#include "gate/step/snapshot.h"

namespace backupctl::step {

/// Where a restore in place happens: directories on one mount, between which a name changes places by renameat2(2).
struct Ground {
  std::string path;    ///< the tree
  std::string base;    ///< where names are exchanged: the directory above the tree, or the tree itself
  std::string stage;   ///< root's own, beside the tree, or at the top of a tree that is a mount point
  bool mount = false;  ///< the tree is a mount point, so that only what it holds can be exchanged
  UniqueFd stage_fd = {};

  /// Error: Exit::bad_config, the tree cannot be opened, its staging directory lies on another file system or is not root's;
  /// Exit::unavailable, something is mounted beneath the tree, and would change places with it.
  /// @param only  single paths are exchanged, so the base is the tree
  /// @param service  its name, for errors
  static Result<Ground> open(const StagedTree& tree, const std::string& service, bool only);
  /// Where it is, without opening or making anything.
  static std::string stage_of(const StagedTree& tree);
};

/// The names that change places once `stage` holds the restored files in `data/…`. Of a single path whose directory the tree
/// does not have, the topmost that is missing. For a whole mount point: none, state::exchange() lists them. Error:
/// Exit::bad_data, the backup holds no tree; Exit::unavailable, the tree has something else on the way to a path.
Result<std::vector<state::Exchange::Slot>> slots_of(const Ground& ground, const std::vector<std::string>& only);

}  // namespace backupctl::step
