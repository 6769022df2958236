#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "gate/vault/secret.h"

namespace backupctl::vault {

/// The name under which a transfer finds its sections (RCLONE_CONFIG=/config/rclone.conf).
inline constexpr const char* config_name = "rclone.conf";

/// Names in `dir` that rclone's save (fs/config/configfile/configfile.go, Save) writes, oldest content first: rclone.conf.old,
/// rclone.conf, then `rclone.conf` followed by digits (its temporaries) by time of change. Error: more than 32 of them.
Result<std::vector<std::string>> child_files(int dir);

/// Reads a file of a child's directory if it is an ordinary file, of one link, owned by `uid`, and no longer than max_config
/// (X5). @return nothing when it does not exist or is still root's; the Error's sentence says what it is instead.
Result<std::optional<SecretText>> read_child_file(int dir, const std::string& name, uid_t uid);

}  // namespace backupctl::vault
