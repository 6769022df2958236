#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backupctl::archive {

/// One entry of a POSIX access control list (acl(5)), with numeric ids: no name is ever looked up.
struct AclEntry {
  enum class Tag : std::uint16_t { user_obj = 0x01, user = 0x02, group_obj = 0x04, group = 0x08, mask = 0x10, other = 0x20 };
  Tag tag{};
  std::uint16_t permissions = 0;  ///< read 4, write 2, execute 1
  std::uint32_t id = 0;           ///< of user and group entries
};

/// The kernel's form of a list, as the xattrs system.posix_acl_access and _default hold it (linux/posix_acl_xattr.h,
/// version 2: little-endian, a 4-byte version, then tag, permissions and id per entry). Read and written directly, since
/// libacl opens by path, which neither paths over 4 kB nor hostile trees allow.
std::optional<std::vector<AclEntry>> parse_acl(std::string_view xattr);
std::string encode_acl(const std::vector<AclEntry>& entries);

/// The short text form of acl(5), with commas: "user::rw-,user:1000:r--,group::r--,mask::r--,other::---".
std::string acl_text(const std::vector<AclEntry>& entries);
/// Back from exactly what acl_text() gives; nothing for anything else.
std::optional<std::vector<AclEntry>> parse_acl_text(std::string_view text);

inline constexpr const char* acl_access_xattr = "system.posix_acl_access";
inline constexpr const char* acl_default_xattr = "system.posix_acl_default";

}  // namespace backupctl::archive
