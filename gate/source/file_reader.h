#pragma once

#include <memory>
#include <optional>

#include "common/sha256.h"
#include "gate/source/block_pipe.h"
#include "gate/source/member.h"
#include "gate/source/reporter.h"
#include "gate/source/tar_writer.h"

namespace backupctl::archive {

/// Reads regular files into the archive, or only to hash them.
class FileReader {
 public:
  /// @param pipe, tar  null, both: no archive
  FileReader(BlockPipe* pipe, TarWriter* tar, Reporter& reporter) : pipe_(pipe), tar_(tar), reporter_(reporter) {}

  enum class Outcome : std::uint8_t { same, changed, unreadable };
  struct Stored {
    Outcome outcome = Outcome::same;
    int code = 0;                   ///< errno when unreadable
    std::optional<Digest> content;  ///< SHA-256 of what is in the archive
    bool database = false;          ///< it begins as one of SQLite does
  };

  /// Stores the content of `member`, whose header has been begun, from `fd`: exactly the bytes the header announced, with
  /// zeros for what a shrinking or unreadable file does not give. Error: the output failed.
  Result<Stored> store(int fd, const Member& member);
  /// Bytes stored so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Result<> data(int fd, const Member& member, Extent extent, Stored& stored);
  Result<> hole(std::int64_t size);

  BlockPipe* pipe_;
  TarWriter* tar_;
  Reporter& reporter_;
  std::unique_ptr<char[]>
      bounce_;  ///< for sparse files, whose map libarchive puts into the block first, and without an archive
  std::optional<Sha256> hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace backupctl::archive
