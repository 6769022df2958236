#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/sandbox/role.h"

namespace backupctl::sandbox {

/// One detached mount (mount.h) that a role finds in its pivoted root.
struct Bind {
  int fd = -1;              ///< from open_tree(2); not owned
  std::string target = {};  ///< absolute path inside the root, "/source"
  bool writable = false;
  bool directory = true;    ///< false: a file or device is mounted over a file
  bool executable = false;  ///< Landlock lets the role execute it
};

/// Everything that turns a process into one running child of a role: the role's row, and what is this child's own.
struct Cage {
  RoleName role = RoleName::parser;
  uid_t uid = 0;                   ///< the child's own uid and gid in the host's terms
  int userns = -1;                 ///< user namespace whose capabilities reach the idmapped trees alone; -1: none
  bool host_capabilities = false;  ///< fallback for file systems without idmapped mounts: the capabilities count in the host
  std::vector<Bind> binds = {};
};

/// One command-line word that carries the cage to a helper program, and back. Written and read by the same build.
std::string encode(const Cage& cage);
Result<Cage> decode(std::string_view word);

/// Confines the calling process, for good: private root, limits, user namespace, uid, capabilities, no_new_privs, Landlock,
/// seccomp. The caller is single-threaded and root; descriptor 3 leads to the monitor. Only a complete cage is a success: on
/// an error the caller must end without doing its work (X3; nothing runs unconfined silently).
Result<> enter(const Cage& cage);

/// What of a cage this kernel offers; for --status.
struct Protections {
  int landlock_abi = 0;  ///< 0: none
  bool seccomp = false;
  bool user_namespaces = false;
};
Protections protections();

}  // namespace backupctl::sandbox
