#include "gate/source/attributes.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "gate/source/posix_acl.h"

namespace backupctl::archive {
namespace {

bool enter(const AttributeSource& source) { return source.fd >= 0 || ::fchdir(source.dir) == 0; }

ssize_t list(const AttributeSource& source, char* names, std::size_t size) {
  return source.fd >= 0 ? ::flistxattr(source.fd, names, size) : ::llistxattr(source.name, names, size);
}

ssize_t get(const AttributeSource& source, const char* name, char* value, std::size_t size) {
  return source.fd >= 0 ? ::fgetxattr(source.fd, name, value, size) : ::lgetxattr(source.name, name, value, size);
}

/// Calls `read` with room for what it says it needs, again when that has grown meanwhile. False: errno.
template <class Read>
bool read_growing(std::string& bytes, Read read) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    const ssize_t need = read(nullptr, 0);
    if (need <= 0) {
      bytes.clear();
      return need == 0;
    }
    bytes.resize(static_cast<std::size_t>(need));
    const ssize_t n = read(bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.resize(static_cast<std::size_t>(n));
      return true;
    }
    if (errno != ERANGE) return false;
  }
  return false;
}

}  // namespace

Attributes read_attributes(const AttributeSource& source, std::vector<std::string>& lost) {
  Attributes attributes;
  std::array<char, 1024> few;  // nearly always enough, and nearly always empty: one syscall a file
  std::string names;
  if (!enter(source)) return attributes;
  const ssize_t n = list(source, few.data(), few.size());
  if (n == 0 || (n < 0 && errno == ENOTSUP)) return attributes;
  if (n > 0) {
    names.assign(few.data(), static_cast<std::size_t>(n));
  } else if (!read_growing(names, [&](char* to, std::size_t size) { return list(source, to, size); })) {
    if (errno != ENOTSUP && errno != ENOENT) lost.push_back("the list of attributes: " + errno_text(errno));
    return attributes;
  }
  std::size_t total = 0;
  for (std::size_t at = 0; at < names.size(); at += names.find('\0', at) - at + 1) {
    const std::string name = names.c_str() + at;
    std::string* list_value = name == acl_access_xattr    ? &attributes.acl_access
                              : name == acl_default_xattr ? &attributes.acl_default
                                                          : nullptr;
    if (list_value == nullptr && !name.starts_with("user.") && !name.starts_with("security.")) continue;
    std::string value;
    if (!read_growing(value, [&](char* to, std::size_t size) { return get(source, name.c_str(), to, size); })) {
      if (errno != ENODATA) lost.push_back(name + ": " + errno_text(errno));
      continue;
    }
    total += name.size() + value.size();
    if (total > max_attribute_bytes) {
      lost.push_back(fmt::format("{}: more than {} bytes of attributes", name, max_attribute_bytes));
      continue;
    }
    if (list_value != nullptr)
      *list_value = std::move(value);
    else
      attributes.xattrs.push_back({name, std::move(value)});
  }
  std::sort(attributes.xattrs.begin(), attributes.xattrs.end(), [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
  return attributes;
}

int set_attribute(const AttributeSource& target, const char* name, const std::string& value) {
  if (!enter(target)) return errno;
  const int code = target.fd >= 0 ? ::fsetxattr(target.fd, name, value.data(), value.size(), 0)
                                  : ::lsetxattr(target.name, name, value.data(), value.size(), 0);
  return code == 0 ? 0 : errno;
}

}  // namespace backupctl::archive
