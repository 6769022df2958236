#pragma once

#include <string>

#include "common/result.h"
#include "policy/policy.h"

namespace backupctl::config {

/// Where the policy lies unless the operator or the sudoers line says --policy (wire.md, "Installed layout").
inline constexpr const char* default_policy = "/etc/backupctl/policy.toml";
/// The state directory unless the policy names another (policy.md, [gate]).
inline constexpr const char* default_state_dir = "/var/lib/backupctl";
/// Longest policy file, in bytes.
inline constexpr std::size_t max_policy = 1 << 20;

/// The state directory that the policy file names, found even when the file is not valid: a stopped service must start all the
/// same (S1). The default when no line of the file says `state_dir = "…"`.
std::string state_dir_of(const std::string& policy_path);

/// Opens, checks (X7), reads and validates the policy; `digest` is filled in. Error: Exit::bad_config.
Result<policy::Policy> read_policy(const std::string& path);

/// The public keys (PEM, one after the other) of `trusted.d/*.pub` beside the policy, and the host's own `host.pub` in the
/// state directory: whose manifests count. Files that are not root's alone are an error (X7).
Result<std::string> trusted_keys(const std::string& policy_path, const std::string& state_dir);

}  // namespace backupctl::config
