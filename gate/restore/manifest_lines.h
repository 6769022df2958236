#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/result.h"
#include "common/sha256.h"
#include "gate/relay/line_reader.h"

namespace backupctl::archive {

/// The lines of a manifest's list of files (gate/manifest/manifest.h), one after the other in bounded memory (X5).
class ManifestLines {
 public:
  /// @param manifest  a file; read from its beginning. Not owned. Error: Exit::bad_data, no list begins on its third line.
  static Result<std::unique_ptr<ManifestLines>> open(int manifest);

  /// @param line  without its comma, as in files.jsonl; valid until the next call
  /// @return false at the list's end. Error: Exit::bad_data, it is cut off or a line is too long.
  Result<bool> next(std::string_view& line);

 private:
  explicit ManifestLines(int manifest);
  Result<> read(relay::LineReader::Line& line);
  relay::LineReader reader_;
};

/// Whether the list is, byte for byte, the one with this digest and so many lines. Parses nothing.
/// Error: Exit::bad_data, it is not.
Result<> check_list(int manifest, const Digest& digest, std::uint64_t lines);

}  // namespace backupctl::archive
