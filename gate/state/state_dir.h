#pragma once

#include <string>

#include "common/result.h"
#include "common/unique_fd.h"

namespace backupctl::state {

/// The gate's own directory (policy: gate.state_dir), root's alone. Made at first need, with its folders
/// journal, leases, locks, spool, vault, clients, history, drills, restores, snapshots, recoveries; each mode 0700.
class StateDir {
 public:
  /// Opens or makes it. The directory above must exist and be root's (X7). Error: Exit::bad_config or Exit::io_error.
  static Result<StateDir> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Absolute path of something inside, "spool/…".
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  StateDir(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

/// A file-system object whose last user is gone: `path` and all beneath it, removed.
bool remove_tree(const std::string& path);

}  // namespace backupctl::state
