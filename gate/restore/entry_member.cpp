#include "gate/restore/entry_member.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

struct Tag {
  int libarchive;
  AclEntry::Tag kernel;
};
constexpr std::array tags{
    Tag{ARCHIVE_ENTRY_ACL_USER_OBJ, AclEntry::Tag::user_obj},   Tag{ARCHIVE_ENTRY_ACL_USER, AclEntry::Tag::user},
    Tag{ARCHIVE_ENTRY_ACL_GROUP_OBJ, AclEntry::Tag::group_obj}, Tag{ARCHIVE_ENTRY_ACL_GROUP, AclEntry::Tag::group},
    Tag{ARCHIVE_ENTRY_ACL_MASK, AclEntry::Tag::mask},           Tag{ARCHIVE_ENTRY_ACL_OTHER, AclEntry::Tag::other},
};

std::uint16_t permissions(int permset) {
  return static_cast<std::uint16_t>(((permset & ARCHIVE_ENTRY_ACL_READ) != 0 ? 4 : 0) |
                                    ((permset & ARCHIVE_ENTRY_ACL_WRITE) != 0 ? 2 : 0) |
                                    ((permset & ARCHIVE_ENTRY_ACL_EXECUTE) != 0 ? 1 : 0));
}

/// GNU tar puts a numeric id where libarchive expects a name.
bool numeric(const char* name, int& id) {
  std::uint32_t value = 0;
  const std::string_view text = name != nullptr ? name : "";
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  id = static_cast<int>(value);
  return code == std::errc{} && end == text.data() + text.size();
}

/// The list of one kind in the kernel's form and order; empty when there is none, or when it is `lost`.
std::string list_of(archive_entry* entry, int type, std::string& lost) {
  std::vector<AclEntry> list;
  if (archive_entry_acl_reset(entry, type) == 0) return {};
  int found_type = 0, permset = 0, tag = 0, id = 0;
  const char* name = nullptr;
  while (archive_entry_acl_next(entry, type, &found_type, &permset, &tag, &id, &name) == ARCHIVE_OK) {
    const auto* known = std::find_if(tags.begin(), tags.end(), [tag](const Tag& t) { return t.libarchive == tag; });
    const bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
    if (known == tags.end() || (named && id == -1 && !numeric(name, id))) {
      lost = "an access list with names instead of numeric ids";
      return {};
    }
    list.push_back({known->kernel, permissions(permset), named ? static_cast<std::uint32_t>(id) : 0});
  }
  std::sort(list.begin(), list.end(),
            [](const AclEntry& a, const AclEntry& b) { return std::tie(a.tag, a.id) < std::tie(b.tag, b.id); });
  return list.empty() ? std::string() : encode_acl(list);
}

std::string text(const char* s) { return s != nullptr ? s : ""; }

}  // namespace

std::string decode_name(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned code = 0;
    const char* end = name.data() + std::min(i + 3, name.size());
    if (name[i] == '%' && i + 2 < name.size() && std::from_chars(name.data() + i + 1, end, code, 16).ptr == end && code != 0) {
      plain += static_cast<char>(code);
      i += 2;
    } else {
      plain += name[i];
    }
  }
  return plain;
}

bool to_member(archive_entry* entry, Member& member, std::string& lost) {
  member = {};
  const char* path = archive_entry_pathname(entry);
  if (path == nullptr) return false;
  member.path = path;
  member.symlink = text(archive_entry_symlink(entry));
  member.hardlink = text(archive_entry_hardlink(entry));
  member.st.st_mode = archive_entry_mode(entry);
  member.st.st_uid = static_cast<uid_t>(archive_entry_uid(entry));
  member.st.st_gid = static_cast<gid_t>(archive_entry_gid(entry));
  member.st.st_size = archive_entry_size(entry);
  member.st.st_mtim = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
    member.attributes.xattrs.push_back({decode_name(name), std::string(static_cast<const char*>(value), size)});
  member.attributes.acl_access = list_of(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, lost);
  member.attributes.acl_default = list_of(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, lost);
  return true;
}

}  // namespace backupctl::archive
