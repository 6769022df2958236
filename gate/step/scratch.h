#pragma once

#include <optional>
#include <string>

#include "gate/state/spool.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// An empty directory of root's alone for a restore that is thrown away; removed with this object.
class Scratch {
 public:
  /// @param where  a directory that root alone can write, with all above it (X7); empty: the spool, which sweeps what a crash
  /// leaves. Elsewhere it is called `backupctl-drill-SERVICE` and recorded durably in the state directory before it is made.
  /// @param service  the caller holds the lock of its drills. Error: Exit::bad_config, Exit::io_error.
  static Result<Scratch> make(const state::StateDir& state, const std::string& service, const std::string& where);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  [[nodiscard]] int fd() const { return spool_ ? spool_->fd() : fd_.get(); }
  [[nodiscard]] const std::string& path() const { return spool_ ? spool_->path() : path_; }

  /// Removes what a drill of the service left that was killed, wherever it was.
  static Result<> sweep(const state::StateDir& state, const std::string& service);

 private:
  Scratch() = default;
  std::optional<state::Spool> spool_;
  std::string path_;    ///< elsewhere
  std::string record_;  ///< the file that names it
  UniqueFd fd_;
};

}  // namespace backupctl::step
