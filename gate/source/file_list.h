#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/sha256.h"
#include "gate/source/member.h"

namespace backupctl::archive {

/// files.jsonl, the per-file part of the manifest: one JSON object a line (RFC 8259), a line per path of the archive, in the
/// archive's order. Keys, each left out where it has nothing to say:
///
///     path      relative to the tree, "." the tree itself; where it is not UTF-8, path_b64 holds the bytes (so for link)
///     type      file, dir, symlink, fifo            mode     permission bits, octal, four digits
///     uid, gid  numbers                             size     bytes of a regular file, holes included
///     mtime, mtime_ns    seconds since 1970 and nanoseconds
///     link      a symbolic link's target            hardlink the earlier path that is the same file
///     sha256    of the whole content of a regular file, holes as zeros; not where holes exceed 4 GiB
///     xattrs    name to base64 value (a name that is not UTF-8 as name_b64:…)
///     acl, default_acl   text form with numeric ids (acl(5)); sparse  true
class FileList {
 public:
  /// @param fd  the file to append to; not owned.
  explicit FileList(int fd) : fd_(fd) {}
  /// Adds one member. Error: Exit::io_error.
  Result<> add(const Member& member, const std::optional<Digest>& content);
  /// Writes what is left.
  Result<> finish();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Lines, one a path of the archive.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  /// Bytes of all regular files that have a line, holes and each name of a hard link counted: what a mirror of them takes.
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  /// SHA-256 of the list; once, after finish().
  [[nodiscard]] Digest digest() { return hash_.finish(); }

 private:
  int fd_;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t file_bytes_ = 0;
  Sha256 hash_;
};

/// Base64 with padding (RFC 4648 section 4).
std::string base64(std::string_view bytes);

}  // namespace backupctl::archive
