#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/tar_reader.h"
#include "common/unique_fd.h"

namespace backupctl::client {

/// A directory of one service's snapshots that were pulled, `DIR/YYYYMMDD-HHMMSS/`, and the one that is on its way,
/// `DIR/.ID.partial/`: under its own name only once it is whole, verified and on the disk. Held by one process at a time.
class PulledFolder : public TarReader::Receiver {
 public:
  /// Finds what a transfer that was cut off left, if it is young enough to go on with; what is older is removed.
  /// @param service  whose snapshots lie there; remembered in `DIR/.service`, and another one's are refused
  /// Error: Exit::bad_config, no such directory, or another service's; Exit::unavailable, another process pulls into it.
  static Result<PulledFolder> open(const std::string& path, const std::string& service);

  /// The snapshot that was begun; empty: none.
  [[nodiscard]] const std::string& id() const { return id_; }
  /// Where in its tar it goes on: within a file, or where the next member begins.
  [[nodiscard]] TarReader::Place place() const { return inside_ ? inside_->place : TarReader::Place{next_}; }
  /// Gives up what was begun.
  void discard();
  /// The transfer ended inside a file: what came of it is kept for the next one. Without a place, or where that cannot be
  /// written down, the file that is not whole goes, and the next transfer begins it anew.
  void suspend(const std::optional<TarReader::Place>& inside);

  /// Error: Exit::skipped, the snapshot is here already; Exit::bad_data, no snapshot's folder; Exit::unavailable, something
  /// else has its name; Exit::io_error, the disk is full or fails.
  Result<> begin(const TarReader::Member& member) override;
  Result<> content(std::string_view bytes) override;
  Result<> end(std::uint64_t next) override;

  /// Reads all files again, compares them with MANIFEST.sha256, and puts the snapshot under its name.
  /// @return bytes in it. Error: Exit::bad_data, a file is not what it should be, or one is missing; nothing of it is kept.
  Result<std::uint64_t> commit();
  /// Removes whole snapshots beyond `keep` (common/snapshot_rotation.h); the one that was just committed stays, and one dated
  /// in the future is neither counted nor removed. @return which
  Result<std::vector<std::string>> rotate(std::size_t keep);

 private:
  PulledFolder(std::string path, UniqueFd dir, UniqueFd lock)
      : path_(std::move(path)), dir_(std::move(dir)), lock_(std::move(lock)) {}
  [[nodiscard]] std::string partial() const { return "." + id_ + ".partial"; }
  Result<> bind_to(const std::string& service);
  void look_for_partials();
  bool read_progress();
  Result<> note_progress();
  [[nodiscard]] tl::unexpected<Error> cannot(std::string_view what) const;

  std::string path_;
  UniqueFd dir_, lock_, folder_, file_;
  std::string id_;
  /// A file of which a part has come: so many of its bytes are on the disk, whatever a transfer that was killed wrote after.
  struct Inside {
    TarReader::Place place;
    std::int64_t bytes = 0;
  };
  std::uint64_t next_ = 0;        ///< where in the tar the member after the last whole one begins
  std::optional<Inside> inside_;  ///< of the file `name_`
  std::set<std::string> whole_;   ///< files that have come
  std::string name_;              ///< of the one that comes
  std::string committed_;
};

}  // namespace backupctl::client
