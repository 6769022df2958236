#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace backupctl::vault {

/// Most tokens that one copy-out may bring back. OAuth access tokens live an hour or more and a run half a day: more than
/// this is a child that wants to wear out the disk (X11).
inline constexpr std::size_t max_rotations = 64;

/// The durable note beside a credential copy, root's alone: who may write the copy, and the SHA-256 of every token that was
/// copied out or carried back, oldest first, never a token itself. It is written before the copy exists and before the
/// root-owned file changes, so that what a crash leaves behind can be judged at the next start (D5).
struct Ledger {
  struct Token {
    std::string section;
    std::vector<std::string> digests;  ///< lower-case hex, at least one
    [[nodiscard]] bool knows(std::string_view digest) const;
  };
  std::string remote;
  uid_t uid = 0;                      ///< of the child that owns the copy
  std::vector<std::string> sections;  ///< all that were copied out: their locks guard this copy
  std::vector<Token> tokens;          ///< in the order of Copy::owners()
  std::string source = {};            ///< the remote that the same child copies from; empty: none

  [[nodiscard]] std::string text() const;
  /// Error: Exit::io_error when it is not exactly what text() writes.
  static Result<Ledger> parse(std::string_view text);
  /// Reads one through open_trusted(). @param path  absolute.
  static Result<Ledger> load(const std::string& path);
  [[nodiscard]] Result<> save(const std::string& path) const;
};

}  // namespace backupctl::vault
