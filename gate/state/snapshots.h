#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// This host's own snapshots of a service's volumes, `state_dir/snapshots/SERVICE/ID/`, laid out as on a remote: what is sent,
/// exported and restored from first. A folder has its id for a name once it is whole and on the disk, and not before.
class Snapshots {
 public:
  static Result<Snapshots> open(const StateDir& state, const std::string& service);

  /// Whole ones, oldest first.
  [[nodiscard]] Result<std::vector<std::string>> ids() const;
  [[nodiscard]] std::string path(const std::string& id) const { return path_ + "/" + id; }

  /// Sweeps what earlier runs left half made, and makes an empty folder, to be filled through the descriptor, and nobody else's
  /// as long as that is open. Error: Exit::io_error.
  [[nodiscard]] Result<UniqueFd> begin(const std::string& id) const;
  /// What was filled is whole: on the disk, and under its name, in place of one that had it. Error: Exit::io_error.
  [[nodiscard]] Result<> commit(const std::string& id) const;
  /// What was begun is given up.
  void discard(const std::string& id) const;
  /// A whole one, which stays as long as the descriptor is open. Error: Exit::io_error.
  [[nodiscard]] Result<UniqueFd> open_for_reading(const std::string& id) const;
  /// Gone under its name at once, then its content; but not while somebody reads it.
  [[nodiscard]] Result<> remove(const std::string& id) const;

  /// Uploads that were begun and not ended, as (remote, id): what lies there without a manifest is this host's.
  using Uploads = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] Uploads uploads() const;
  /// Written durably, before the first byte is sent and after the last. Error: Exit::io_error.
  [[nodiscard]] Result<> set_uploads(const Uploads& uploads) const;

 private:
  [[nodiscard]] bool remove_unused(const std::string& name) const;
  Snapshots(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace backupctl::state
