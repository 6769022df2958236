#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace backupctl::archive {

/// Compresses blocks one by one, each to something complete in itself (a gzip member, a zstd frame). Concatenated they are one
/// valid file (RFC 1952 section 2.2; RFC 8878 section 3), so that blocks can be compressed in parallel and the result does not
/// depend on how many threads there were. One encoder belongs to one thread.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// @param out  at least Codec::bound(in.size()) bytes. @return bytes written; 0: failed.
  virtual std::size_t encode(std::span<const char> in, std::span<char> out) = 0;
};

/// One compressed format.
struct Codec {
  std::string_view word;  ///< the policy's, "tar.gz"
  std::size_t block;      ///< bytes compressed at a time; larger compresses better and takes more memory
  int level;              ///< default
  int min_level, max_level;
  std::size_t (*bound)(std::size_t size);               ///< most bytes that a block of `size` can become
  std::unique_ptr<Encoder> (*make_encoder)(int level);  ///< null: no memory
};

/// The codec of a format word; null when there is none.
const Codec* find_codec(std::string_view word);

}  // namespace backupctl::archive
