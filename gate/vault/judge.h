#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gate/vault/carry.h"

namespace backupctl::vault {

/// Looks at what a child left in its private directory, carries what may be carried, parks the rest (D5). The directory is
/// the child's to write: every name in it is opened without following links, without blocking (FIFOs and file leases would
/// make the monitor wait), and only an ordinary file of one link, the child's uid and bounded size is read (X5).
class Judge {
 public:
  Judge(Places places, Copy copy, Ledger ledger)
      : places_(std::move(places)), copy_(std::move(copy)), ledger_(std::move(ledger)) {}

  /// Judges the one file that rclone reads. Missing is no fault: between rclone's two renames only `.old` exists.
  void look(int dir);
  /// Judges every file that rclone's save may leave, oldest first: `.old`, `rclone.conf`, then temporaries, which hold the only
  /// copy of a renewed token when rclone ends in the middle of a save. For a directory whose child has ended.
  void look_at_all(int dir);

  /// The first thing that went wrong, as Exit::io_error: a rotation that could not be saved is a failed run.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_ ? failure_ : unsaved_; }
  /// The copy still holds what could not be carried for no fault of its own: it must stay for the next start.
  [[nodiscard]] bool unsaved() const { return unsaved_.has_value(); }
  /// Tokens were carried into the root-owned file.
  [[nodiscard]] bool carried() const { return carried_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const Places& places() const { return places_; }

 private:
  void look_at(int dir, const std::string& name);
  void refuse(std::string_view why, std::string_view bytes);

  Places places_;
  Copy copy_;
  Ledger ledger_;
  std::optional<Error> failure_;  ///< stays for the whole loan
  std::optional<Error> unsaved_;  ///< gone when a later look could save it
  std::string parked_digest_;     ///< of what was parked last, so that a file that stays as it is is parked once
  bool carried_ = false;
};

}  // namespace backupctl::vault
