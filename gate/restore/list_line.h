#pragma once

#include <optional>
#include <string_view>

#include "common/result.h"
#include "common/sha256.h"
#include "gate/source/member.h"

namespace backupctl::archive {

/// One line of files.jsonl, the list of files in a manifest.
struct ListedFile {
  Member member;                  ///< path relative to the tree; empty: the tree's own directory
  std::optional<Digest> content;  ///< SHA-256 of a regular file
};

/// Reads one line as FileList (gate/source/file_list.h) writes it: strict types, no key twice, names that lie beneath the
/// tree and are written as the reader writes them, no more than the kinds of file it lists. Keys it does not know are ignored.
/// Error: Exit::bad_data, naming what is wrong.
Result<ListedFile> parse_list_line(std::string_view line);

}  // namespace backupctl::archive
