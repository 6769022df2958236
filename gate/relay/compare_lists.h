#pragma once

#include <cstddef>

namespace backupctl::relay {

/// Mode "compare": names what differs between two lists of files. Input is a manifest that mode "manifest" accepted
/// (gate/manifest/manifest.h); `extra` holds the reader's files.jsonl of what was restored (gate/source/file_list.h). Both are
/// in the order of a walk: a directory before what lies in it, names sorted by bytes. Each of the first `most_named`
/// differences becomes an entry Record: text the path as the list writes it, number[0] 1 missing, 2 not in the manifest, 3
/// different. The result: number[0] differences in all, [1] lines of the manifest, [2] lines of `extra`. Error: Exit::bad_data,
/// one of them is no such list.
inline constexpr std::size_t most_named = 10;

}  // namespace backupctl::relay
