#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "policy/policy.h"

namespace backupctl::policy {

/// Something on this host that the policy names. Whether it exists and whose it is (X7) is for the gate to find out: the
/// policy opens nothing.
struct NamedPath {
  enum class Kind : std::uint8_t {
    program,      ///< run as root: root's, and writable by root alone, its directories too
    secret_file,  ///< the same, and readable by root alone
    root_file,    ///< root's, may be readable by all
    tree,         ///< a directory whose content others own
    directory,    ///< a directory that must be root's
  };
  Kind kind;
  std::string path;
  std::string key;      ///< which key names it, "controller.podmanctl.stop"
  std::string service;  ///< the service or extra target that needs it; empty: more than one may
};

/// "program", "secret file", …
std::string_view word(NamedPath::Kind kind);

/// All of them, in the order of the policy's tables. rclone_config only if some remote needs a section of it. The state
/// directory and the staging directories are not among them, the gate makes them at first need.
std::vector<NamedPath> named_paths(const Policy& policy);

/// What is valid and yet probably not meant: tables that nothing uses, services that are stopped together. One sentence each.
std::vector<std::string> warnings(const Policy& policy);

/// The text of --check-policy: the errors, or a table of the services with their sources, controllers, consistency, remotes
/// and retention, the extra targets and clients, and `notes` (the caller's findings about named_paths()) after the warnings
/// of this file. Several lines, each ended by a line feed.
std::string check_report(const Result<Policy>& policy, std::string_view file_name, std::span<const std::string> notes);

}  // namespace backupctl::policy
