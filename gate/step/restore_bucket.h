#pragma once

#include "gate/step/restore.h"

namespace backupctl::step {

/// Puts the mirror of a bucket, or the prefixes of it that `only` names, back into the bucket, which is made if it is gone: all
/// of the mirror verified against its signed manifest before anything is touched (D6, X6). Objects that it overwrites are
/// copied first into `history/<time>-before-restore/` beside the mirror: copying them back is the way back. Objects that the
/// mirror does not have are left alone, whoever wrote them since. Afterwards every object is compared with the mirror. Broken
/// off at any point, the same again goes on. Error: Exit::bad_data, it does not verify, or holds nothing of what is wanted, and
/// nothing was touched; a remote's own.
Result<Report> restore_bucket(Context& context, const policy::Service& service, const RestoreWish& wish,
                              const std::string& keys);

}  // namespace backupctl::step
