#include "gate/state/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "common/io.h"

namespace backupctl::state {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

void sweep(const StateDir& state) {
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(open_beneath(state.fd(), "spool", O_RDONLY | O_DIRECTORY).release()));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    UniqueFd run = open_beneath(state.fd(), "spool/" + name, O_RDONLY | O_DIRECTORY);
    if (run && ::flock(run.get(), LOCK_EX | LOCK_NB) != 0) continue;  // somebody works there
    remove_tree(state.at("spool/" + name));
  }
}

}  // namespace

Result<Spool> Spool::make(const StateDir& state) {
  sweep(state);
  std::string path = state.at(fmt::format("spool/{}-{}-XXXXXX", ::time(nullptr), ::getpid()));  // a run may have several
  if (::mkdtemp(path.data()) == nullptr) return fail_errno(Exit::io_error, errno, "cannot make {}", path);
  UniqueFd fd = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
  // Another run's sweep may come between making and locking: it waits here, and a folder it removed shows.
  struct stat st {};
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0 || ::fstat(fd.get(), &st) != 0)
    return fail_errno(Exit::io_error, errno, "cannot lock {}", path);
  if (st.st_nlink == 0) return make(state);
  return Spool(path, std::move(fd));
}

Spool::~Spool() {
  if (!path_.empty()) remove_tree(path_);
}

Result<> Spool::give_to(uid_t worker) {
  if (::fchown(fd_.get(), worker, worker) != 0) return fail_errno(Exit::io_error, errno, "cannot hand {} to its worker", path_);
  return {};
}

Result<> Spool::take_back() {
  // 0755: the next worker may read; the folder above is root's alone.
  if (::fchown(fd_.get(), 0, 0) != 0 || ::fchmod(fd_.get(), 0755) != 0)
    return fail_errno(Exit::io_error, errno, "cannot take {} back", path_);
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    UniqueFd file = open_beneath(fd_.get(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    // What a worker left other than plain files of one name is none of ours (X5).
    if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
      return fail(Exit::bug, "{} holds something that is no file", path_);
    if (::fchown(file.get(), 0, 0) != 0 || ::fchmod(file.get(), 0644) != 0)
      return fail_errno(Exit::io_error, errno, "cannot take {} back", path_);
  }
  return {};
}

}  // namespace backupctl::state
