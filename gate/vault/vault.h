#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/vault/judge.h"
#include "gate/vault/sections.h"

/// The credential vault (architecture.md): each transfer works on a private copy of the sections it needs, and of what it
/// leaves only a renewed token ever reaches the root-owned rclone.conf (D5, X4). Runs in the monitor, as root.
namespace backupctl::vault {

/// Called while somebody else holds the credential. It waits a moment and returns to try again, or gives up with an Error
/// (Exit::timed_out, Exit::unavailable), which copy_out() hands on.
using Wait = std::function<Result<>()>;

/// One credential on loan to one transfer. Destroyed without finish(), the copy stays and the next start judges it.
class Vault {
 public:
  /// Recovers what a crash left, locks the remote's sections exclusively, and copies them into a directory that the child
  /// may write: `directory()` 0700 and in it rclone.conf 0600, both of `uid` (and the gid of the same number), durably, with
  /// the ledger beside. state_dir must exist; what lies in it is created.
  /// @param source  a remote that the same child copies from, lent to it as well; empty: none (select_sections())
  /// Errors: Exit::bad_config (rclone.conf missing, not root's, readable by others, a section missing or not allowed),
  /// Exit::io_error, or what `wait` gave.
  static Result<Vault> copy_out(const Places& places, std::string_view remote, uid_t uid, const Wait& wait,
                                std::string_view source = {});

  /// To be bind-mounted as /config for the child; valid until finish().
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// Sections and their types, for what the remote can do (gate/remote/capabilities.h).
  [[nodiscard]] const Selection& selection() const { return selection_; }
  /// What a leftover of a crash came to, and what is weak about the configuration: to be printed and journalled.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// The credential's locks. A transfer should inherit them, so that it keeps them when the monitor is killed.
  [[nodiscard]] std::span<const UniqueFd> locks() const { return locks_; }

  /// Readable when the copy changed: poll it and call on_change().
  [[nodiscard]] int watch_fd() const { return watch_.get(); }
  /// Carries a renewed token back at once. An Error (Exit::io_error) makes the run a failed run: the rotation could not be
  /// saved, or the child left what no rclone would; the caller should end it. Never blocks on what the child does.
  Result<> on_change();
  /// After the child's last process has ended: the final carry, then the copy is wiped and the locks are released. A copy whose
  /// token could not be saved stays for the next start. Error: the first failure of the whole loan.
  Result<> finish();

 private:
  Vault(Judge judge, Selection selection) : judge_(std::move(judge)), selection_(std::move(selection)) {}

  Judge judge_;
  Selection selection_;
  std::string directory_;
  std::vector<std::string> warnings_;
  std::vector<UniqueFd> locks_;
  UniqueFd dir_;
  UniqueFd watch_;
};

/// Judges what crashed runs left under state_dir/vault: a renewed token is carried under the same checks as in a run, then the
/// copy is wiped. Copies whose locks somebody holds are in use and left alone. copy_out() calls it; so may --recover.
/// @param needed  the sections that are about to be lent; nullptr: all count as needed
/// @return what was found, as sentences; among them what is wrong with leftovers of other sections, which stay and must not
/// stop this remote (X13). Error: a leftover of needed sections could not be judged or its token not saved; it stays.
Result<std::vector<std::string>> recover_leftovers(const Places& places, const std::vector<std::string>* needed = nullptr);

/// The locks of all sections, in one order for everybody, without waiting. @return none when somebody holds one of them.
Result<std::vector<UniqueFd>> lock_sections(const Places& places, std::vector<std::string> sections);

/// Ledgers of the copies that exist now: one file a copy. Names as listed. Error: Exit::io_error.
Result<std::vector<std::string>> ledger_names(const Places& places);

}  // namespace backupctl::vault
