#include <algorithm>

#include "policy/validate.h"

namespace backupctl::policy {
namespace {

struct Tree {
  std::string path;  ///< with a slash at the end, so that being beneath is having the prefix
  std::string key;   ///< for the sentence
  Place place;
  bool shipped;  ///< its content goes to a remote
};

}  // namespace

void validate_trees(const Policy& policy, const Node& root, Errors& errors) {
  std::vector<Tree> trees;
  const auto add = [&](const std::string& path, std::string key, Place place, bool shipped) {
    if (!path.empty()) trees.push_back({path + "/", std::move(key), place, shipped});
  };
  add(policy.gate.state_dir, "gate.state_dir", place_of(root, {"gate", "state_dir"}), false);
  for (const auto& [name, remote] : policy.remotes)
    add(remote.directory, fmt::format("remote.{}.directory", name), place_of(root, {"remote", name, "directory"}), false);
  for (const auto& [name, target] : policy.extra_targets)
    add(target.path, fmt::format("extra_target.{}.path", name), place_of(root, {"extra_target", name, "path"}), true);
  for (const auto& [name, service] : policy.services) {
    if (service.source != SourceKind::tree && service.source != SourceKind::volumes) continue;
    add(service.path, fmt::format("service.{}.path", name), place_of(root, {"service", name, "path"}), true);
    add(service.staging, fmt::format("service.{}.staging", name), place_of(root, {"service", name, "staging"}), false);
  }

  // Sorted, all that lies within a tree follows it at once. Of two equal ones the later in the file is the error.
  std::ranges::sort(trees, [](const Tree& a, const Tree& b) { return std::tie(a.path, a.place) < std::tie(b.path, b.place); });
  const Tree* outer = nullptr;
  for (const Tree& tree : trees) {
    if (outer == nullptr || !tree.path.starts_with(outer->path)) {
      outer = &tree;
      continue;
    }
    errors.add(tree.place,
               fmt::format("{}: \"{}\" {} {}, and trees must not overlap", tree.key, tree.path.substr(0, tree.path.size() - 1),
                           tree.path == outer->path ? "is the same as" : "lies within", outer->key));
  }

  const auto check_secret = [&](const std::string& path, std::string_view key, Place place) {
    for (const Tree& tree : trees)
      if (tree.shipped && !path.empty() && path.starts_with(tree.path))
        errors.add(place, fmt::format("{}: \"{}\" lies within {} and would be shipped to a remote", key, path, tree.key));
  };
  check_secret(policy.gate.rclone_config, "gate.rclone_config", place_of(root, {"gate", "rclone_config"}));
  for (const auto& [name, remote] : policy.remotes)
    check_secret(remote.env_file, fmt::format("remote.{}.env_file", name), place_of(root, {"remote", name, "env_file"}));
  for (const auto& [name, service] : policy.services) {
    check_secret(service.postgres.password_file, fmt::format("service.{}.postgres.password_file", name),
                 place_of(root, {"service", name, "postgres", "password_file"}));
    check_secret(service.redis.password_file, fmt::format("service.{}.redis.password_file", name),
                 place_of(root, {"service", name, "redis", "password_file"}));
  }
}

}  // namespace backupctl::policy
