#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// A private folder on the disk for one run's archive, removed with this object. What a crash leaves is removed by the next
/// run: each folder is locked by the run that owns it (D8).
class Spool {
 public:
  /// Sweeps what dead runs left, and makes a new folder.
  static Result<Spool> make(const StateDir& state);
  Spool(Spool&& other) noexcept : path_(std::move(other.path_)), fd_(std::move(other.fd_)) { other.path_.clear(); }
  Spool& operator=(Spool&&) = delete;
  ~Spool();

  /// Hands the folder to a worker, which alone may write it.
  Result<> give_to(uid_t worker);
  /// Takes it back once the worker has ended: everything in it is root's again and readable by the next worker.
  Result<> take_back();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Spool(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace backupctl::state
