#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/result.h"
#include "gate/source/block_pipe.h"
#include "gate/source/member.h"

struct archive;
struct archive_entry;

namespace backupctl::archive {

/// Writes members as a pax tar (IEEE Std 1003.1, pax; libarchive) that GNU tar and bsdtar both restore: numeric owners only,
/// times to the nanosecond, SCHILY.xattr and SCHILY.acl (what both read), GNU sparse 1.0. Names that a reader might normalise
/// or cannot be read as UTF-8 are marked hdrcharset=BINARY, all others are not, since GNU tar warns of that keyword.
class TarWriter {
 public:
  /// @param pipe  where the archive goes; must outlive the writer.
  static Result<std::unique_ptr<TarWriter>> open(BlockPipe& pipe);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// Begins a member. A regular file's content follows: st.st_size bytes, in the order of its extents, and then end().
  Result<> begin(const Member& member);
  /// Content. When `bytes` lies at the front of the pipe's space() it is taken without copying.
  Result<> content(std::span<const char> bytes);
  /// A hole of a sparse file, which takes no room.
  Result<> hole(std::int64_t size);
  Result<> end();
  /// Ends the archive; nothing may follow.
  Result<> finish();

 private:
  struct Free {
    void operator()(::archive* a) const;
    void operator()(archive_entry* e) const;
  };
  using Handle = std::unique_ptr<::archive, Free>;

  explicit TarWriter(BlockPipe& pipe) : pipe_(pipe) {}
  Result<Handle> make(const char* options);
  Result<> check(long code, ::archive* a, const char* what);
  static long put(::archive*, void* self, const void* bytes, unsigned long size);

  BlockPipe& pipe_;
  std::unique_ptr<archive_entry, Free> entry_;
  Handle plain_, binary_;  ///< two header encodings, one stream
  ::archive* current_ = nullptr;
  bool closed_ = false;  ///< what libarchive still writes when it is freed is dropped
};

}  // namespace backupctl::archive
