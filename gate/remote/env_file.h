#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "gate/vault/secret.h"

namespace backupctl::remote {

/// Azure's account and key, out of a remote's env_file (policy.md).
struct AzureAccount {
  std::string account;
  vault::SecretText key;
};

/// Parses AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY and AZURE_STORAGE_CONTAINER out of lines `NAME=value`, `export NAME=value`,
/// with ' or " around the value or none; never sourced (X2). Other names, comments and blank lines are passed over; a value in
/// which a shell would substitute something is refused, because there it means something else.
/// @param container  what AZURE_STORAGE_CONTAINER must be: the remote's root.
/// Error: Exit::bad_config, naming the variable, never a value.
Result<AzureAccount> parse_env_file(std::string_view text, std::string_view container);

/// Reads it from a file of root's that nobody else can read (X4, X7).
Result<AzureAccount> read_env_file(const std::string& path, std::string_view container);

}  // namespace backupctl::remote
