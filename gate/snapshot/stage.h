#pragma once

#include <span>
#include <string>

#include "common/unique_fd.h"

namespace backupctl::snapshot {

/// The work of backupctl-stager: one pass over a tree into its staging directory (stager.h).
///
///     --boot ID | --any-boot     whose lists are believed (settle_lists()); without one that is, the copy is made anew
///     --hot                      the service runs
///     --exclude GLOB             exclude.h; more than one
///
/// Reports not_read and progress records; the result's numbers: [0] bytes of content that were copied or shared, [1] paths
/// copied, [2] paths found unchanged, [3] faults (D2), [4] bytes that the next pass copies again, [5] 1: the file system shares
/// blocks.
/// @param source, staging  open directories. @return an exit status
int stage(std::span<const std::string> args, UniqueFd source, UniqueFd staging, int report);

/// The same for the directories of the role's cage.
int stage(std::span<const std::string> args);

}  // namespace backupctl::snapshot
