#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/operator/operator.h"
#include "gate/vault/carry.h"
#include "gate/vault/sections.h"
#include "policy/check.h"
#include "policy/load.h"

namespace backupctl::operate {
namespace {

using policy::NamedPath;

/// What is wrong with something that the policy names on this host; empty when nothing is (X7).
std::string fault(const NamedPath& named) {
  if (named.kind == NamedPath::Kind::tree) {
    UniqueFd tree = open_no_symlinks(named.path, O_PATH | O_DIRECTORY);
    return tree ? "" : errno_text(errno);
  }
  const auto opened = named.kind == NamedPath::Kind::program
                          ? open_trusted_program(named.path)
                          : open_trusted(named.path, named.kind == NamedPath::Kind::secret_file);
  return opened ? "" : opened.error().sentence;
}

/// Of a directory, or of the nearest one above it that is there. Subvolumes of a btrfs have a device number each, and share
/// blocks.
std::optional<dev_t> file_system_of(std::string path) {
  for (;;) {
    struct statfs fs {};
    struct stat st {};
    if (::statfs(path.c_str(), &fs) == 0 && ::stat(path.c_str(), &st) == 0)
      return fs.f_type == BTRFS_SUPER_MAGIC ? std::nullopt : std::optional(st.st_dev);
    if (path.size() <= 1) return std::nullopt;
    path.resize(std::max<std::size_t>(1, path.rfind('/')));
  }
}

/// Databases that are not where the policy says: without one nothing of the service is backed up.
void add_missing_databases(const policy::Service& service, std::vector<std::string>& notes) {
  if (service.sqlite.empty()) return;
  const UniqueFd tree = open_no_symlinks(service.path, O_PATH | O_DIRECTORY);
  if (!tree) return;  // said already
  for (const std::string& path : service.sqlite) {
    const UniqueFd file = open_beneath(tree.get(), path, O_PATH | O_NOFOLLOW);
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode))
      notes.push_back(fmt::format("service.{}.sqlite: {} is no file in {}; nothing of the service is backed up until it is",
                                  service.name, path, service.path));
  }
}

std::vector<std::string> findings(const policy::Policy& policy, const std::string& policy_path) {
  std::vector<std::string> notes;
  for (const NamedPath& named : policy::named_paths(policy))
    if (const std::string words = fault(named); !words.empty())
      notes.push_back(fmt::format("{}: the {} {}: {}", named.key, policy::word(named.kind), named.path, words));
  if (auto trusted = open_trusted(policy_path); !trusted)
    notes.push_back(fmt::format("{}: the gate refuses to use {} where it lies", trusted.error().sentence, policy_path));
  for (const auto& [name, service] : policy.services) {
    add_missing_databases(service, notes);
    if (service.consistency != policy::Consistency::snapshot) continue;
    const auto tree = file_system_of(service.path);
    const auto staging = file_system_of(service.staging);
    if (tree && staging && *tree != *staging)
      notes.push_back(
          fmt::format("service.{}.staging, {}, lies on another file system than the tree, so each snapshot is a copy of every "
                      "byte that changed; to share blocks, let path be a "
                      "directory below the mount point",
                      name, service.staging));
  }
  // The sections of rclone.conf are part of what a request would run with, so they are checked here too.
  const auto config = vault::open_config(policy.gate.rclone_config);
  for (const auto& [name, remote] : policy.remotes) {
    if (!config || !remote.directory.empty() || !remote.env_file.empty()) continue;
    const auto selection = vault::select_sections(*config, name);
    if (!selection)
      notes.push_back(selection.error().sentence);
    else
      notes.insert(notes.end(), selection->warnings.begin(), selection->warnings.end());
  }
  for (const auto& [name, service] : policy.services)
    for (const std::string& remote : service.remotes) {
      const policy::Remote& to = policy.remotes.at(remote);
      if (!config || service.source != policy::SourceKind::bucket || !to.directory.empty() || !to.env_file.empty()) continue;
      if (const auto both = vault::select_sections(*config, remote, service.bucket.remote); !both)
        notes.push_back(fmt::format("service.{}.bucket: {}", name, both.error().sentence));
    }
  return notes;
}

}  // namespace

Exit check_policy(const std::string& policy_path, const Args& args) {
  if (args.size() > 1) return complain({Exit::not_a_request, "--check-policy takes one FILE at most"});
  const std::string path = args.empty() ? policy_path : std::filesystem::absolute(args[0]).lexically_normal().string();
  // A draft of anybody's may be checked; only the gate insists that the file is root's.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return complain({Exit::bad_config, fmt::format("cannot open {}: {}", path, errno_text(errno))});
  const auto bytes = read_all(fd.get(), config::max_policy);
  if (!bytes) return complain({Exit::bad_config, fmt::format("cannot read {}: {}", path, bytes.error().sentence)});
  const auto policy = policy::load_policy(*bytes, path);
  const auto notes = policy ? findings(*policy, path) : std::vector<std::string>();
  static_cast<void>(write_all(policy ? 1 : 2, policy::check_report(policy, path, notes)));
  // The file in force has to be one that the gate takes.
  const bool refused = args.empty() && !open_trusted(path);
  return policy && !refused ? Exit::done : Exit::bad_config;
}

}  // namespace backupctl::operate
