#include "gate/step/postgres_programs.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

namespace backupctl::step {
namespace {

/// Debian keeps each major version's programs in a directory of its own (postgresql-common, architecture.html); its
/// /usr/bin/pg_dump is a Perl script that chooses one of them.
constexpr const char* versions_directory = "/usr/lib/postgresql";
constexpr const char* usual_directory = "/usr/bin";

std::vector<int> installed_versions() {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::vector<int> versions;
  const std::unique_ptr<DIR, Close> dir(::opendir(versions_directory));
  while (const dirent* const entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    int version = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), version);
    struct stat st {};
    if (code == std::errc{} && end == name.data() + name.size() &&
        ::stat(fmt::format("{}/{}/bin/pg_dump", versions_directory, version).c_str(), &st) == 0)
      versions.push_back(version);
  }
  return versions;
}

}  // namespace

int suitable_version(const std::vector<int>& installed, int server) {
  int newest = 0, suitable = 0;
  for (const int version : installed) {
    newest = std::max(newest, version);
    if (server > 0 && version >= server && (suitable == 0 || version < suitable)) suitable = version;
  }
  return suitable > 0 ? suitable : newest;
}

PostgresPrograms choose_programs(int server) {
  const int version = suitable_version(installed_versions(), server);
  if (version == 0) return {usual_directory, 0};
  return {fmt::format("{}/{}/bin", versions_directory, version), version};
}

}  // namespace backupctl::step
