#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/sha256.h"
#include "gate/source/member.h"

struct archive;
struct archive_entry;

namespace backupctl::archive {

/// Reads a compressed tar from a file, member by member, and hashes the file in the same pass. Understands what the reader
/// writes and what GNU tar and bsdtar write (libarchive: pax, GNU and ustar headers), one compression alone. Of a pax
/// archive that others made, names that Unicode normalisation (form C) changes are normalised; the reader marks its own.
class ArchiveInput {
 public:
  /// A stretch of a file's content; between stretches are holes.
  struct Piece {
    std::span<const char> bytes;
    std::int64_t offset = 0;
  };

  /// @param fd  the archive, read from where it stands; not owned. @param format  "tar.gz" or "tar.zst".
  /// Error: Exit::bug for another format.
  static Result<std::unique_ptr<ArchiveInput>> open(int fd, std::string_view format);
  ~ArchiveInput();
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;

  /// Reads the next member's header. `path` and `hardlink` are the archive's own words, not yet checked.
  /// @param warning  what of the header could not be read; empty: all could.
  /// @return false at the end. Error: Exit::bad_data, the archive is damaged or cut off.
  Result<bool> next(Member& member, std::string& warning);
  /// Reads the next piece of the current member's content, valid until the next call. @return false at its end.
  Result<bool> read(Piece& piece);
  /// Reads what follows the tar, so that the digest is the whole file's.
  Result<> drain();

  /// Bytes of the file read so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// SHA-256 of the file; once, after drain().
  [[nodiscard]] Digest digest() { return hash_.finish(); }

 private:
  struct Free {
    void operator()(::archive* a) const;
  };

  explicit ArchiveInput(int fd);
  static long get(::archive*, void* self, const void** bytes);
  Result<long> fill();
  tl::unexpected<Error> damaged();

  int fd_;
  std::unique_ptr<char[]> buffer_;
  std::uint64_t bytes_ = 0;
  Sha256 hash_;
  std::unique_ptr<::archive, Free> archive_;
};

}  // namespace backupctl::archive
