#include "gate/config/policy_file.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "common/io.h"
#include "common/sha256.h"
#include "policy/load.h"

namespace backupctl::config {
namespace {

constexpr std::size_t max_key = 16384;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

Result<std::string> read_trusted(const std::string& path, std::size_t limit) {
  auto fd = open_trusted(path);
  if (!fd) return pass(fd.error());
  auto bytes = read_all(fd->get(), limit);
  if (!bytes) return fail(Exit::bad_config, "cannot read {}: {}", path, bytes.error().sentence);
  return bytes;
}

}  // namespace

std::string state_dir_of(const std::string& policy_path) {
  const auto bytes = read_trusted(policy_path, max_policy);
  std::string_view rest = bytes ? std::string_view(*bytes) : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::size_t open = line.find('"');
    const std::size_t close = line.find('"', open == std::string_view::npos ? open : open + 1);
    if (!line.starts_with("state_dir") || close == std::string_view::npos) continue;
    const std::string_view value = line.substr(open + 1, close - open - 1);
    if (value.starts_with('/') && value.find('\\') == std::string_view::npos) return std::string(value);
  }
  return default_state_dir;
}

Result<policy::Policy> read_policy(const std::string& path) {
  auto bytes = read_trusted(path, max_policy);
  if (!bytes) return pass(bytes.error());
  auto policy = policy::load_policy(*bytes, path);
  if (policy) policy->digest = to_hex(sha256(*bytes));
  return policy;
}

Result<std::string> trusted_keys(const std::string& policy_path, const std::string& state_dir) {
  std::string keys;
  const auto add = [&](const std::string& path) -> Result<> {
    auto bytes = read_trusted(path, max_key);
    if (!bytes) return pass(bytes.error());
    keys += *bytes;
    return {};
  };
  if (auto added = add(state_dir + "/host.pub"); !added) return pass(added.error());
  const std::string dir = policy_path.substr(0, policy_path.rfind('/')) + "/trusted.d";
  const std::unique_ptr<DIR, CloseDir> stream(::opendir(dir.c_str()));
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".pub")) continue;
    if (auto added = add(dir + "/" + name); !added) return pass(added.error());
  }
  return keys;
}

}  // namespace backupctl::config
