#pragma once

#include <string_view>

namespace backupctl::remote {

/// The program every transfer runs (Debian's rclone).
inline constexpr const char* rclone_program = "/usr/bin/rclone";
/// What a remote with an env_file is called for rclone: defined by RCLONE_CONFIG_AZURE_TYPE, in no file.
inline constexpr std::string_view azure_name = "azure";

}  // namespace backupctl::remote
