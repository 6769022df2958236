#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/journal/journal.h"

namespace backupctl::journal {

/// The event of an entry that says that entries before it were lost (a power failure) or removed; verify() reports it for good.
inline constexpr std::string_view gap_event = "gap";

/// Where a chain stands: how many lines, and the hash of the last.
struct Position {
  std::uint64_t sequence = 0;
  std::string hash = std::string(64, '0');
  bool operator==(const Position&) const = default;
};

/// The next line after `before`, without its line break: {"seq":…,"time":"…Z","event":"…",…,"prev":"…"}.
std::string format_line(const Entry& entry, const Position& before, std::int64_t unix_seconds);

/// The "seq" of a line written by format_line; 0 where there is none.
std::uint64_t sequence_of(std::string_view line);
/// The "prev" of such a line; empty where there is none.
std::string_view previous_of(std::string_view line);

/// The head file: the newest position, rewritten in place after each line (a hint for truncation, not the truth).
std::optional<Position> read_head(const state::StateDir& state);
void write_head(const state::StateDir& state, const Position& position);

}  // namespace backupctl::journal
