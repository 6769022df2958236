#pragma once

#include "policy/reader.h"

namespace backupctl::policy {

/// What concerns more than one table of the file: references that must lead somewhere, and volumes services that would share
/// a folder of snapshots. Values that were already wrong for themselves are empty here and are not judged again.
/// @param root  the file, for the places of errors.
void validate(const Policy& policy, const Node& root, Errors& errors);

/// No tree may be equal to or lie within another: not the services' trees and staging, not the extra targets', not the
/// directories that are remotes, not the gate's own state (X13: one service's reader would read another's, a mirror would
/// mirror itself). Nor may a secret lie where a transfer would ship it (X4).
void validate_trees(const Policy& policy, const Node& root, Errors& errors);

}  // namespace backupctl::policy
