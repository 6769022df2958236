#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::journal {

/// One entry: an event ("request", "end", "refused", "warning", …) and what belongs to it. Values are escaped here.
struct Entry {
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
};

/// Whether an entry must be on the disk before append() returns (X9: what runs is journalled durably before it runs; a
/// refusal need not wait for the disk).
enum class Durability { now, later };

/// Appends to `state_dir/journal/journal.jsonl`, a chain: one JSON object a line, whose "prev" is the SHA-256 of the line
/// before it (without its line break; 64 zeros before the first). `head` beside it names the newest line, so that a cut-off end
/// shows. A last line that a crash cut off is repaired and the repair is an entry. Above 64 MiB the file is renamed to
/// journal-<seq>.jsonl and the chain goes on in a new one.
/// @return the chain's new head, the hex SHA-256 of the line just written. Error: Exit::io_error.
Result<std::string> append(const state::StateDir& state, const Entry& entry, Durability durability);

/// A refusal: not waited for; beyond 60 a minute only counted, and said in one entry by the next that is written (X11).
void append_refusal(const state::StateDir& state, const Entry& entry);

/// The same for the beginning or end of a request that only looks (status, list, version): nothing depends on its entry, and a
/// loop of them cannot fill the disk. Counted apart from refusals and those, so that none hides the others.
/// @return the chain's head, whether or not the entry was written. Error: Exit::io_error.
Result<std::string> append_look(const state::StateDir& state, const Entry& entry);

/// What verify() found.
struct Verdict {
  std::uint64_t entries = 0;
  std::string head;
  std::vector<std::string> faults;  ///< one sentence each; empty: the chain is whole
};
/// Reads the whole chain, rotated files included, and checks every link and the head.
Result<Verdict> verify(const state::StateDir& state);

/// The chain's head without writing anything; empty when there is no journal yet.
std::string head(const state::StateDir& state);

}  // namespace backupctl::journal
