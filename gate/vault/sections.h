#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/vault/ini.h"

namespace backupctl::vault {

/// The sections of rclone.conf that one remote needs.
struct Selection {
  std::vector<std::string> sections;  ///< its own first, then those it wraps; after them the source's, if there is one
  std::vector<std::string> types;     ///< of the same index
  std::size_t own = 0;                ///< how many of them the remote itself needs
  std::vector<std::string> warnings;  ///< sentences for --check-policy and --doctor
};

/// Finds the sections that `remote` needs (X4: a transfer sees these alone) and checks every one of them against the
/// allow-list of types and keys: rclone runs `*_command`, opens local files and follows connection strings on its
/// configuration's word, as root when root runs it (X7).
/// @param source  another remote that is copied from, whose sections the transfer needs as well; empty: none. The two may share
///   no section: what lies beside its source is lost with it, or lies inside it (D3).
/// Errors: Exit::bad_config, naming section and key, never a value: missing, encrypted, not allowed, ambiguous, over-long.
Result<Selection> select_sections(const Ini& ini, std::string_view remote, std::string_view source = {});

/// Whether a section may have this name: what is safe as a file name and in an rclone path, 1 to 64 of A-Z a-z 0-9 _ . -
bool section_name_ok(std::string_view name);

}  // namespace backupctl::vault
