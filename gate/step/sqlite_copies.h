#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/worker.h"

namespace backupctl::step {

/// The databases of a service (policy.md, sqlite) as its archive and its mirror hold them: each a consistent copy that stands
/// alone, made in the spool before the tree is read, by the role "copier"; with owner, mode and attributes of the live file, in
/// whose place readers see it. They are gone with this object, or swept after a crash.
class SqliteCopies {
 public:
  SqliteCopies() = default;
  /// Nothing for a service without. Nothing has been sent when one cannot be copied: a damaged database never replaces a good
  /// copy of itself (D2, D3).
  /// @param tree  open on what is read, the tree or its snapshot
  /// Error: Exit::bad_config, one is missing, no plain file, or left out by `exclude`; Exit::bad_data, one is no database or
  /// damaged; Exit::unavailable, one is locked all the time; Exit::io_error, the spool is full.
  static Result<SqliteCopies> make(Context& context, const policy::Service& service, int tree);

  /// For Worker::show_tree().
  [[nodiscard]] std::vector<Instead> files() const;
  /// What else is left out of the tree: the databases' -wal, -shm and -journal, of which the copies have what counts.
  [[nodiscard]] const std::vector<std::string>& excludes() const { return excludes_; }
  /// That each copy lay over the file it was made of all the time: a mount goes where a file is renamed to, and with one that
  /// is removed. Error: Exit::unavailable; what was read must not be kept as a good copy.
  [[nodiscard]] Result<> still(int tree) const;

 private:
  struct Copy {
    std::string path;  ///< beneath the tree
    UniqueFd live;     ///< held open, so that no other file gets its inode number
    UniqueFd file;
  };
  std::unique_ptr<state::Spool> spool_;
  std::vector<Copy> copies_;
  std::vector<std::string> excludes_;
};

}  // namespace backupctl::step
