#include "gate/source/posix_acl.h"

#include <fmt/format.h>

#include <charconv>

namespace backupctl::archive {
namespace {

constexpr std::uint32_t version = 2;
constexpr std::uint32_t no_id = 0xFFFFFFFF;

std::uint32_t get(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

void put(std::string& bytes, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
}

bool has_id(AclEntry::Tag tag) { return tag == AclEntry::Tag::user || tag == AclEntry::Tag::group; }

std::string_view tag_word(AclEntry::Tag tag) {
  using enum AclEntry::Tag;
  if (tag == user_obj || tag == user) return "user";
  if (tag == group_obj || tag == group) return "group";
  return tag == mask ? "mask" : "other";
}

}  // namespace

std::optional<std::vector<AclEntry>> parse_acl(std::string_view xattr) {
  if (xattr.size() < 4 || (xattr.size() - 4) % 8 != 0 || get(xattr, 0, 4) != version) return std::nullopt;
  std::vector<AclEntry> entries;
  for (std::size_t at = 4; at < xattr.size(); at += 8)
    entries.push_back({static_cast<AclEntry::Tag>(get(xattr, at, 2)), static_cast<std::uint16_t>(get(xattr, at + 2, 2) & 7U),
                       get(xattr, at + 4, 4)});
  return entries;
}

std::string encode_acl(const std::vector<AclEntry>& entries) {
  std::string bytes;
  put(bytes, version, 4);
  for (const AclEntry& entry : entries) {
    put(bytes, static_cast<std::uint32_t>(entry.tag), 2);
    put(bytes, entry.permissions, 2);
    put(bytes, has_id(entry.tag) ? entry.id : no_id, 4);
  }
  return bytes;
}

std::string acl_text(const std::vector<AclEntry>& entries) {
  std::string text;
  for (const AclEntry& entry : entries) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}:{}:{}{}{}", tag_word(entry.tag), has_id(entry.tag) ? std::to_string(entry.id) : "",
                        (entry.permissions & 4U) != 0 ? 'r' : '-', (entry.permissions & 2U) != 0 ? 'w' : '-',
                        (entry.permissions & 1U) != 0 ? 'x' : '-');
  }
  return text;
}

std::optional<std::vector<AclEntry>> parse_acl_text(std::string_view text) {
  using enum AclEntry::Tag;
  std::vector<AclEntry> entries;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t end = rest.find(',');
    more = end != std::string_view::npos;
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(more ? end + 1 : rest.size());
    const std::size_t first = one.find(':');
    const std::size_t second = first == std::string_view::npos ? first : one.find(':', first + 1);
    if (second == std::string_view::npos || one.size() != second + 4) return std::nullopt;
    const std::string_view id = one.substr(first + 1, second - first - 1);
    AclEntry entry;
    for (const AclEntry::Tag tag : {user_obj, user, group_obj, group, mask, other})
      if (tag_word(tag) == one.substr(0, first) && has_id(tag) == !id.empty()) entry.tag = tag;
    std::from_chars(id.data(), id.data() + id.size(), entry.id);
    for (const char letter : one.substr(second + 1))
      entry.permissions = static_cast<std::uint16_t>(entry.permissions * 2 + (letter == '-' ? 0 : 1));
    entries.push_back(entry);
  }
  if (acl_text(entries) != text) return std::nullopt;  // whatever was taken for something else above
  return entries;
}

}  // namespace backupctl::archive
