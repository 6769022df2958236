#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/vault/ini.h"
#include "gate/vault/secret.h"
#include "gate/vault/sections.h"

namespace backupctl::vault {

/// What a transfer is given: its sections written as rclone itself saves them (`[name]`, `key = value`, a blank line; no
/// comments), so that rclone's save gives back the same bytes but for the tokens. What comes back is compared with these
/// bytes and never parsed as a configuration: whatever else a hostile child plants is simply a difference (D5, X5).
class Copy {
 public:
  Copy(const Ini& ini, const Selection& selection);

  /// Sections that hold a token, in the order of their tokens.
  [[nodiscard]] const std::vector<std::string>& owners() const { return owners_; }
  /// The tokens as they were copied out, one for each owner.
  [[nodiscard]] const std::vector<SecretText>& tokens() const { return tokens_; }
  /// The file's bytes.
  [[nodiscard]] SecretText bytes() const;
  /// The tokens in `text`, one for each owner, if every other byte is as it was copied out. Views into `text`.
  [[nodiscard]] std::optional<std::vector<std::string_view>> match(std::string_view text) const;

 private:
  std::vector<SecretText> fixed_;  ///< the bytes before, between and after the tokens: one more than tokens_
  std::vector<std::string> owners_;
  std::vector<SecretText> tokens_;
};

}  // namespace backupctl::vault
