#pragma once

#include <span>
#include <string>
#include <string_view>

namespace backupctl::remote {

/// What a remote can do, as far as committing a backup depends on it.
struct Capabilities {
  bool rename = false;  ///< a file gets its final name at once; without it the manifest alone commits (D1)
  bool sha256 = false;  ///< it tells the SHA-256 of what it holds; without it an archive is read back and hashed (D1)
  bool times = false;   ///< it keeps times or a hash of what is mirrored; without it sync() needs refresh()
};

/// A directory of this host.
inline constexpr Capabilities directory_capabilities{true, true, true};
/// An azureblob remote out of an env_file.
inline constexpr Capabilities azure_capabilities{false, false, true};

/// Of a remote in rclone.conf: what all its sections can do. @param types  vault::Selection::types.
Capabilities capabilities(std::span<const std::string> types);

}  // namespace backupctl::remote
