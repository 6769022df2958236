#include <fmt/format.h>

#include <array>

#include "policy/check.h"

namespace backupctl::policy {
namespace {

using Kind = NamedPath::Kind;

/// Collects; keys that name nothing are left out.
class List {
 public:
  void add(Kind kind, const std::string& path, std::string key, const std::string& service = {}) {
    if (!path.empty()) paths_.push_back({kind, path, std::move(key), service});
  }
  void program(const Argv& argv, std::string key, const std::string& service = {}) {
    if (!argv.empty()) add(Kind::program, argv.front(), std::move(key), service);
  }
  std::vector<NamedPath> take() { return std::move(paths_); }

 private:
  std::vector<NamedPath> paths_;
};

void add_service(List& list, const Service& service) {
  const std::string key = "service." + service.name;
  list.add(Kind::tree, service.path, key + ".path", service.name);
  list.add(Kind::secret_file, service.postgres.password_file, key + ".postgres.password_file", service.name);
  list.add(Kind::root_file, service.postgres.sslrootcert, key + ".postgres.sslrootcert", service.name);
  list.add(Kind::secret_file, service.redis.password_file, key + ".redis.password_file", service.name);
  list.add(Kind::root_file, service.redis.tls_ca, key + ".redis.tls.ca", service.name);
  list.add(Kind::tree, service.redis.data_dir, key + ".redis.data_dir", service.name);
  for (const auto& [name, argv] : service.probe) list.program(argv, fmt::format("{}.probe.{}", key, name), service.name);
}

}  // namespace

std::string_view word(NamedPath::Kind kind) {
  static constexpr std::array<std::string_view, 5> words = {"program", "secret file", "file", "tree", "directory"};
  return words[static_cast<std::size_t>(kind)];
}

std::vector<NamedPath> named_paths(const Policy& policy) {
  List list;
  bool needs_rclone_config = false;
  for (const auto& [name, remote] : policy.remotes) needs_rclone_config |= remote.directory.empty() && remote.env_file.empty();
  if (needs_rclone_config) list.add(Kind::secret_file, policy.gate.rclone_config, "gate.rclone_config");
  for (const auto& [name, remote] : policy.remotes) {
    list.add(Kind::directory, remote.directory, fmt::format("remote.{}.directory", name));
    list.add(Kind::secret_file, remote.env_file, fmt::format("remote.{}.env_file", name));
  }
  for (const auto& [name, controller] : policy.controllers) {
    list.program(controller.stop, fmt::format("controller.{}.stop", name));
    list.program(controller.start, fmt::format("controller.{}.start", name));
    list.program(controller.status, fmt::format("controller.{}.status", name));
    list.program(controller.up, fmt::format("controller.{}.up", name));
  }
  for (const auto& [name, service] : policy.services) add_service(list, service);
  for (const auto& [name, target] : policy.extra_targets)
    list.add(Kind::tree, target.path, fmt::format("extra_target.{}.path", name), name);
  return list.take();
}

}  // namespace backupctl::policy
