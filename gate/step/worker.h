#pragma once

#include <sys/types.h>

#include <map>
#include <vector>

#include "gate/monitor/job.h"
#include "gate/sandbox/cage.h"
#include "gate/sandbox/mount.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// A file of ours that a role finds in a tree in place of the tree's own.
struct Instead {
  std::string path;  ///< beneath the tree
  int fd = -1;       ///< of a file with the owner and attributes that it shall have in the tree; not owned
};

/// A cage being furnished: a worker uid that no other running child has, and the trees the role gets to see. Owns the
/// descriptors that the cage refers to; keep it alive until the child has ended, as the uid is free again with it.
class Worker {
 public:
  /// Takes one of the policy's 256 worker uids, and makes the user namespace if the role reads or writes trees.
  static Result<Worker> hire(const Context& context, sandbox::RoleName role);

  /// Shows the directory `fd` (from open_no_symlinks) at `target` with its true owners, idmapped where the file system can.
  /// @param what  how errors call it; @param instead  over the tree's own files
  Result<> show_tree(int fd, const std::string& what, const std::string& target, bool writable,
                     const std::vector<Instead>& instead = {});
  /// Shows a directory of ours that the worker's uid owns or may read.
  Result<> show_directory(const std::string& path, const std::string& target, bool writable);
  /// Shows a directory in which everything belongs to root, and what the worker makes there as well (directory remotes).
  Result<> show_as_root(int fd, const std::string& what, const std::string& target, bool writable);
  /// Shows one file of the host at its own path, if it is there: libraries, certificates, /dev/null.
  Result<> show_file(const std::string& path, bool executable = false, bool device = false);

  /// Shows a directory of the host's shared libraries at its own path, if it is there, so that a program can load them.
  Result<> show_libraries(const std::string& path);

  /// Takes all trees away again: a mount can be given to one child only, the uid and namespace to one after the other.
  void clear();

  [[nodiscard]] uid_t uid() const { return cage_.uid; }
  [[nodiscard]] const sandbox::Cage& cage() const { return cage_; }
  /// A file system that does not map owners was met: the role's capabilities count in the host's terms.
  [[nodiscard]] bool fell_back() const { return cage_.host_capabilities; }

 private:
  Result<> add(int fd, const std::string& what, const sandbox::MountOptions& options, sandbox::Bind bind);
  sandbox::Cage cage_;
  UniqueFd uid_lock_;
  UniqueFd userns_;
  std::vector<UniqueFd> mounts_;
};

/// Starts a helper program of ours in the worker's cage.
/// @param args  what follows the cage on its command line
Result<monitor::Child> start_helper(const Worker& worker, const std::string& program, const std::vector<std::string>& args,
                                    int in, int out, const std::vector<int>& extra = {});

}  // namespace backupctl::step
