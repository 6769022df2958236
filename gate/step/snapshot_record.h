#pragma once

#include <string>
#include <vector>

#include "common/record.h"
#include "common/sha256.h"

namespace backupctl::step {

/// The most volumes of a service whose snapshot is read.
inline constexpr std::size_t most_volumes = 1000;

/// What the signed manifest of a snapshot of volumes says (gate/manifest/manifest.h), as the relay's mode "snapshot" tells it.
struct SnapshotRecord {
  struct Archive {
    std::string name;       ///< "lightrag-data.tar.gz"
    std::int64_t size = 0;  ///< bytes
    Digest sha256{};
    std::int64_t members = 0;  ///< files, directories and links
    std::int64_t content = 0;  ///< bytes in them
  };
  /// What a probe printed when the snapshot was taken.
  struct Probe {
    std::string name;
    std::string begin;  ///< of its output, for people; not escaped
    Digest output{};
  };
  std::int64_t created = 0;  ///< unix seconds
  bool complete = false;
  std::vector<Archive> archives;
  std::vector<Probe> probes;
  Digest checksums{};  ///< of MANIFEST.sha256

  [[nodiscard]] std::int64_t bytes() const;
};

/// Takes a record of kind entry: an archive, a probe, or the list's own. @return whether it was one
bool take_archive(const Record& record, SnapshotRecord& found);
/// Takes the result.
void take_signed(const Record& result, SnapshotRecord& found);

}  // namespace backupctl::step
