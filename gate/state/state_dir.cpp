#include "gate/state/state_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "common/remove.h"

namespace backupctl::state {
namespace {

constexpr const char* folders[] = {"journal", "leases", "locks",    "spool",     "vault", "clients",
                                   "history", "drills", "restores", "snapshots", "kept",  "recoveries"};

/// Makes the folder where it is missing. What is there must be root's alone and a directory.
Result<> make_private(int parent, const std::string& name, const std::string& path) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(Exit::io_error, errno, "cannot make {}", path);
  struct stat st {};
  if (::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return fail_errno(Exit::io_error, errno, "cannot stat {}", path);
  if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)
    return fail(Exit::bad_config, "{} must be a directory that root alone can write", path);
  return {};
}

}  // namespace

Result<StateDir> StateDir::open(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  auto parent = open_trusted(slash == 0 ? path : path.substr(0, slash));
  if (!parent) return pass(parent.error());
  if (auto made = make_private(parent->get(), path.substr(slash + 1), path); !made) return pass(made.error());
  UniqueFd fd = open_beneath(parent->get(), path.substr(slash + 1), O_RDONLY | O_DIRECTORY);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open {}", path);
  for (const char* folder : folders)
    if (auto made = make_private(fd.get(), folder, path + "/" + folder); !made) return pass(made.error());
  return StateDir(path, std::move(fd));
}

bool remove_tree(const std::string& path) {
  {
    UniqueFd dir = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
    if (!dir) return errno == ENOENT;
    if (!remove_beneath(dir.get())) return false;
  }
  return ::rmdir(path.c_str()) == 0;
}

}  // namespace backupctl::state
