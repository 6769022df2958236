#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace backupctl::vault {

/// Keeps what a transfer left and what could not be carried, for the owner to look at: root's, 0600, at most 16 a remote; then
/// the oldest gives way, because a token refused that long ago has been replaced by every login since.
/// @param directory  the parking directory, root's alone. @return the file's path. Errors: Exit::io_error.
Result<std::string> park(const std::string& directory, const std::string& remote, std::string_view bytes);

}  // namespace backupctl::vault
