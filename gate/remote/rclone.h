#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/remote/env_file.h"
#include "gate/remote/layout.h"
#include "policy/policy.h"

namespace backupctl::remote {

/// One call of rclone as data: what execve(2) takes. No secret is in argv (it is in /proc for everybody); the environment may
/// hold Azure's key and is wiped with this object.
struct Command {
  std::vector<std::string> argv;  ///< argv[0] is rclone_program
  std::vector<std::string> env;   ///< the whole environment, NAME=value

  Command() = default;
  Command(Command&&) = default;
  Command& operator=(Command&&) = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();
};

/// A mirror: `from` becomes what `to` is.
struct Mirror {
  std::string from = {};                       ///< directory inside the cage: sandbox::source_dir; of a bucket from its Layout
  std::string to = {};                         ///< from Layout
  std::string history = {};                    ///< where what is replaced goes, from Layout; empty: it is lost
  std::span<const std::string> exclude = {};   ///< rclone's filter patterns, as the policy has them
  bool hot = false;                            ///< files may change while they are read: ship what is there
  bool bucket = false;                         ///< `from` is a bucket: objects, whose times are the server's own
  std::span<const std::string> prefixes = {};  ///< of a bucket, without a slash at either end; empty: all of it
  /// sync() stops deleting here, as rclone counts (D3). rclone 1.60.1: what it overwrites does not count, with or without a
  /// history; where the remote cannot rename, each move into the history counts as one more. It deletes exactly so many and
  /// ends with 7, its figure of deletions being above this.
  std::optional<std::int64_t> most_deleted = {};
};

/// rclone's command lines for one remote (rclone 1.60 to 1.74; `rclone help flags`). Built in the monitor, run in a transfer's
/// cage. Paths on the remote are made with layout(); paths inside the cage are sandbox::source_dir, spool_dir, target_dir.
class Rclone {
 public:
  /// Reads the env_file, if the remote has one. Error: Exit::bad_config.
  /// @param with_config  rclone.conf is mounted whatever the remote: another one is copied from
  static Result<Rclone> open(const policy::Remote& remote, bool with_config = false);

  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// The remote's section of rclone.conf must be copied out (gate/vault) and mounted at sandbox::config_dir.
  [[nodiscard]] bool needs_config() const { return section_; }

  /// Makes `to` equal to `from`: links and empty directories kept, deletions last and only after a run without errors.
  [[nodiscard]] Command sync(const Mirror& mirror) const;
  /// The same as a dry run, which changes nothing and counts for guard D3 (gate/relay/dry_run.h).
  /// @param flags  relay::dry_run_flags; the directory for its --backup-dir is put after them.
  /// @param spare  that directory: on the remote, outside the mirror, need not exist.
  [[nodiscard]] Command dry_run(const Mirror& mirror, std::span<const std::string_view> flags, std::string_view spare) const;
  /// Where the remote keeps neither times nor hashes (Capabilities::times false), sync() takes a file of unchanged size for
  /// unchanged. This second pass ships those that are newer here than their upload there; it deletes nothing.
  /// @param by_hash  ships those instead whose MD5 is another, where both sides tell theirs (D1)
  [[nodiscard]] Command refresh(const Mirror& mirror, bool by_hash) const;
  /// Copies what is not the same in `compare` as in `from`: what putting `compare` over it will overwrite.
  /// @param compare  from Layout, of the same remote as `to`; empty: everything counts as changed
  [[nodiscard]] Command copy_changed(const Mirror& mirror, std::string_view compare) const;
  /// Puts a mirror's files, of a directory of the cage, over the objects of a bucket; deletes nothing.
  [[nodiscard]] Command copy_into_bucket(const Mirror& mirror) const;
  /// Ends with an error unless all that is in `from` is the same in `to`, by size and, where both sides tell theirs, MD5.
  [[nodiscard]] Command check(const Mirror& mirror) const;
  /// One directory as JSON on standard output, not its subdirectories.
  /// @param sha256  ask for hashes (Capabilities::sha256)
  [[nodiscard]] Command list(std::string_view directory, bool sha256) const;
  /// One file of the cage to the remote, whatever is there under its name; also the other way round.
  [[nodiscard]] Command copy_file(std::string_view from, std::string_view to) const;
  /// All files of a directory of the cage into one on the remote, one after the other, the smallest first.
  [[nodiscard]] Command copy_files(std::string_view from, std::string_view to) const;
  /// A directory of the remote with all beneath it into an empty one of the cage, links as the small files that a mirror keeps
  /// them as: none is made. Ends with 8 once `most_bytes` were transferred (X5).
  [[nodiscard]] Command copy_tree(std::string_view from, std::string_view to, std::int64_t most_bytes) const;
  /// One file to standard output.
  [[nodiscard]] Command cat(std::string_view file) const;
  [[nodiscard]] Command move_file(std::string_view from, std::string_view to) const;
  [[nodiscard]] Command delete_file(std::string_view file) const;
  /// A directory with all that is in it: an old day of the history.
  [[nodiscard]] Command purge(std::string_view directory) const;
  /// Puts a file into an access tier of Azure's: hot, cool, archive.
  [[nodiscard]] Command set_tier(std::string_view tier, std::string_view file) const;
  /// Space used and free, as JSON on standard output.
  [[nodiscard]] Command about() const;

 private:
  Rclone(const policy::Remote& remote, bool with_config);
  [[nodiscard]] Command command(std::string_view verb, std::vector<std::string> operands, bool progress) const;
  [[nodiscard]] Command mirror(std::string_view verb, const Mirror& mirror) const;

  Layout layout_;
  bool section_;  ///< of its own
  bool config_;   ///< rclone.conf is there
  std::string tier_;
  std::optional<AzureAccount> azure_;
};

}  // namespace backupctl::remote
