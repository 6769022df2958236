#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "client/tar_reader.h"
#include "common/unique_fd.h"

namespace backupctl::client {

/// A directory of snapshots that were pulled, `DIR/YYYYMMDD-HHMMSS/`, and the one that is on its way, `DIR/.ID.partial/`: under
/// its own name only once it is whole, verified and on the disk. Held by one process at a time.
class PulledFolder : public TarReader::Receiver {
 public:
  /// Finds what a transfer that was cut off left, if it is young enough to go on with; what is older is removed.
  /// Error: Exit::bad_config, no such directory; Exit::unavailable, another process pulls into it.
  static Result<PulledFolder> open(const std::string& path);

  /// The snapshot that was begun; empty: none.
  [[nodiscard]] const std::string& id() const { return id_; }
  /// Where in its tar the next member begins, bytes.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// Gives up what was begun.
  void discard();

  /// Error: Exit::skipped, the snapshot is here already; Exit::bad_data, no snapshot's folder; Exit::io_error.
  Result<> begin(const TarReader::Member& member) override;
  Result<> content(std::string_view bytes) override;
  Result<> end(std::uint64_t next) override;

  /// Reads all files again, compares them with MANIFEST.sha256, and puts the snapshot under its name.
  /// @return bytes in it. Error: Exit::bad_data, a file is not what it should be, or one is missing; nothing of it is kept.
  Result<std::uint64_t> commit();
  /// Removes the oldest whole snapshots beyond `keep`, of which there is at least one. @return which
  Result<std::vector<std::string>> rotate(std::size_t keep);

 private:
  PulledFolder(std::string path, UniqueFd dir) : path_(std::move(path)), dir_(std::move(dir)) {}
  [[nodiscard]] std::string partial() const { return "." + id_ + ".partial"; }
  Result<> look_for_partial();
  Result<> note_progress();
  [[nodiscard]] tl::unexpected<Error> cannot(std::string_view what) const;

  std::string path_;
  UniqueFd dir_, folder_, file_;
  std::string id_;
  std::uint64_t offset_ = 0;
  std::set<std::string> whole_;  ///< files that have come
  std::string name_;             ///< of the one that comes
};

}  // namespace backupctl::client
