#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "gate/snapshot/info.h"
#include "gate/step/context.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// Stop, snapshot, start (architecture.md): the service stands still only while a snapshot of its tree is made beside it, in
/// its staging directory. By what the file system can: a read-only snapshot of a btrfs subvolume; else a copy in two passes,
/// the first while the service runs, the second of what changed meanwhile; either shares blocks where it can (XFS, btrfs).
/// Everything that takes long, and everything that may fail for want of space, comes before the stop (D8). Error: the service
/// runs as before, or the sentence says that it does not (S1); there is no snapshot then.
Result<snapshot::Info> take_snapshot(Context& context, const policy::Service& service);

/// A tree and the staging directory that its snapshots lie in.
struct StagedTree {
  std::string path, staging;
  std::vector<std::string> exclude;
  bool may_be_empty = false;
};
/// The same of several trees, all at one moment.
Result<std::vector<snapshot::Info>> take_snapshots(Context& context, const policy::Service& service,
                                                   const std::vector<StagedTree>& trees);

/// The tree of the last snapshot, opened beneath the checked staging directory (X5). Error: Exit::bad_data, it is empty (D3).
Result<UniqueFd> open_snapshot(const StagedTree& tree);
/// Of a service of one tree.
StagedTree staged_tree(const policy::Service& service);

/// The service's last snapshot, if it is whole and not older than snapshot_max_age.
std::optional<snapshot::Info> young_snapshot(const policy::Service& service);

/// The last snapshot is of another tree than the one there is from now on: nothing is shipped from it any more. Error:
/// Exit::io_error.
Result<> forget_snapshot(const StagedTree& tree);

}  // namespace backupctl::step
