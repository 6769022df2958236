#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace backupctl::archive {

/// The names in one directory, in byte order, so that the same tree always gives the same archive. Memory is bounded: of a
/// directory with more names than fit, the smallest are kept, handed out, and the directory is read again for the next.
class SortedNames {
 public:
  /// One entry of the directory. `type` is a DT_ value of readdir(3): a hint, since the entry may be replaced meanwhile.
  struct Name {
    const char* name;
    std::uint8_t type;
  };

  /// @param limit  bytes of names held at a time.
  explicit SortedNames(std::size_t limit) : limit_(limit) {}
  /// The next name, valid until the next call; nothing at the end (name is null).
  /// @param dir  the open directory. Error: it cannot be read.
  Result<Name> next(int dir);
  /// Bytes held now.
  [[nodiscard]] std::size_t memory() const { return text_.capacity() + offsets_.capacity() * sizeof(std::uint32_t); }

 private:
  Result<> load(int dir);
  void take(std::uint8_t type, std::string_view name);
  void sort();
  void drop_larger_half();
  [[nodiscard]] const char* at(std::size_t i) const { return text_.data() + offsets_[i] + 1; }

  std::size_t limit_;
  std::string text_;                    ///< per name: type, name, NUL
  std::vector<std::uint32_t> offsets_;  ///< into text_
  std::size_t used_ = 0;                ///< names handed out
  std::string after_;                   ///< the last name handed out by earlier batches
  std::string before_;                  ///< not empty: names from this one on were dropped
  bool loaded_ = false;
};

}  // namespace backupctl::archive
