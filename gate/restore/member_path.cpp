#include "gate/restore/member_path.h"

namespace backupctl::archive {

std::optional<std::string> safe_path(std::string_view name) {
  if (name.empty() || name.front() == '/') return std::nullopt;
  std::string path;
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    name.remove_prefix(part.size() < name.size() ? part.size() + 1 : part.size());
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace backupctl::archive
