#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "gate/vault/copy.h"
#include "gate/vault/ledger.h"

namespace backupctl::vault {

/// Where the vault lies (policy.md, [gate]).
struct Places {
  std::string state_dir;      ///< absolute; root's
  std::string rclone_config;  ///< absolute; the root-owned file that holds every credential

  [[nodiscard]] std::string locks() const { return state_dir + "/locks"; }
  [[nodiscard]] std::string vault() const { return state_dir + "/vault"; }
  [[nodiscard]] std::string copy(const std::string& remote) const { return vault() + "/copies/" + remote; }
  [[nodiscard]] std::string ledger(const std::string& remote) const { return vault() + "/ledgers/" + remote; }
  [[nodiscard]] std::string parked() const { return vault() + "/parked"; }
};

/// Why what a child left was not carried.
struct Refusal {
  std::string sentence;
  bool again = false;  ///< nothing is wrong with it: the root-owned file could not be read or written, so the copy must stay
};

/// Opens and parses the root-owned rclone.conf (X7). Error: Exit::bad_config: missing, readable by others, not root's, odd.
Result<Ini> open_config(const std::string& path);

/// Carries the tokens of `bytes` (what a child left as its rclone.conf) into the root-owned file, durably, if nothing else
/// differs from `copy`, each token is a plain OAuth token, and the root-owned file still holds one that `ledger` knows; every
/// other byte of that file is kept. Which digest is the newest is in the ledger on disk before the file changes (D5).
/// A token the ledger knows already is never carried over a newer one. The caller holds the sections' locks.
/// @return whether the root-owned file was changed.
tl::expected<bool, Refusal> carry(const Places& places, const Copy& copy, Ledger& ledger, std::string_view bytes);

}  // namespace backupctl::vault
