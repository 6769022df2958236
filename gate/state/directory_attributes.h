#pragma once

#include "common/result.h"

namespace backupctl::state {

/// Gives the directory `to` the owner, mode, `user.*` and `security.*` attributes and access lists of the directory `from`, and
/// takes away those that `from` does not have (D7). Times are not set. Both are open. Error: Exit::io_error.
Result<> copy_directory_attributes(int from, int to);

}  // namespace backupctl::state
