#pragma once

#include <string_view>

namespace backupctl::remote {

/// Azure's access tiers, as policy and rclone call them; a listing's record counts them from 1.
inline constexpr const char* access_tiers[] = {"hot", "cool", "archive"};
/// Whose blobs cannot be read before they are brought back, for hours.
inline constexpr const char* archive_tier = access_tiers[2];

/// The program every transfer runs (Debian's rclone).
inline constexpr const char* rclone_program = "/usr/bin/rclone";
/// What a remote with an env_file is called for rclone: defined by RCLONE_CONFIG_AZURE_TYPE, in no file.
inline constexpr std::string_view azure_name = "azure";

}  // namespace backupctl::remote
