#pragma once

#include <string>
#include <string_view>

#include "policy/policy.h"

namespace backupctl::remote {

/// Where things lie on a remote (policy.md, "On the remote": fixed, existing data lies there), as rclone takes it:
/// `name:root/…`, `azure:container/…` for an env_file, `/target/root/…` for a directory of this host.
class Layout {
 public:
  explicit Layout(const policy::Remote& remote);

  /// Beneath the root. @param below  without a leading slash; empty: the root itself.
  [[nodiscard]] std::string at(std::string_view below) const;
  [[nodiscard]] std::string data(std::string_view service) const { return at(std::string(service) + "/data"); }
  /// Beside the mirror, not in it: by hand `data/` is still the tree and nothing else.
  [[nodiscard]] std::string mirror_manifest(std::string_view service) const {
    return at(std::string(service) + "/data.manifest.json");
  }
  [[nodiscard]] std::string archives(std::string_view service) const { return at(std::string(service) + "/archives"); }
  [[nodiscard]] std::string archive(std::string_view service, std::string_view file) const;
  /// A snapshot of volumes: a directory of that id in the root.
  [[nodiscard]] std::string snapshot(std::string_view id, std::string_view file = {}) const {
    return at(file.empty() ? std::string(id) : std::string(id) + "/" + std::string(file));
  }
  [[nodiscard]] std::string extra(std::string_view target) const { return at("extra/" + std::string(target)); }
  /// What a mirror replaced: a directory a day. Without a date: the directory of all days.
  [[nodiscard]] std::string history(std::string_view service, std::string_view date = {}) const;
  /// The same for an extra target. Not beneath extra/<target>, which is the mirror itself; no target is called ".history".
  [[nodiscard]] std::string extra_history(std::string_view target, std::string_view date = {}) const;

 private:
  std::string base_;  ///< ends where something may be appended without a slash
};

}  // namespace backupctl::remote
