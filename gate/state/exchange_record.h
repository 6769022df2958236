#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// A restore in place, as a record on disk (D6): where the restored files and the old ones are, so that whoever comes after a
/// crash, and the operator days later, can put the old ones back. It names everything itself and needs no policy (S1). A
/// service's trees, one or several volumes, change places as a whole: all are the old ones again, or none.
struct Exchange {
  enum class Phase {
    moving,    ///< the exchange may have begun; found by anybody else, it is undone before the service starts
    unproven,  ///< the restored files are in place; whether the service runs on them has not been seen
    kept,      ///< … and it does; the old files stay until they are given up or put back
    undoing,   ///< the way back may have begun; found by anybody else, it is finished before the service starts
  };
  /// One name that changes places. Each change is one rename and atomic; which side it is on is told by the inode in the stage,
  /// which is root's alone (the service may have rewritten what is in place), so that no record has to be written between two.
  struct Slot {
    std::string place;        ///< relative to `base`
    std::string staged;       ///< relative to `stage`
    std::uint64_t inode = 0;  ///< of what is restored; 0: nothing is, and what is in place goes
    std::uint64_t old = 0;    ///< inode of what was in place before; 0: nothing was
  };
  /// Two directories between which names change places.
  struct Area {
    std::string base, stage;  ///< absolute; on one mount
    bool entries = false;     ///< `base` is a mount point, whose content changes places name by name
    std::vector<Slot> slots = {};
  };
  Phase phase = Phase::moving;
  std::string service;
  std::string backup;                   ///< what was restored, for people
  std::int64_t made = 0;                ///< seconds since 1970, for people
  std::vector<std::string> units = {};  ///< of the service, that ran before (S2)
  std::vector<Area> areas = {};

  /// Where what is not in place lies, for people.
  [[nodiscard]] std::string stages() const {
    std::string text;
    for (const Area& area : areas) text += (text.empty() ? "" : ", ") + area.stage;
    return text;
  }
  /// Whether anything was there before, which the way back puts in place; a mount point always was.
  [[nodiscard]] bool replaced() const {
    return std::any_of(areas.begin(), areas.end(), [](const Area& area) {
      return area.entries || std::any_of(area.slots.begin(), area.slots.end(), [](const Slot& slot) { return slot.old != 0; });
    });
  }
  /// What there is once it is undone, for people.
  [[nodiscard]] std::string gone_back() const {
    return replaced() ? "the old files are in place again"
                      : "nothing was there before, so what was restored is taken away again";
  }
  /// Names may be on either side: a mixture, until it is undone or finished.
  [[nodiscard]] bool broken_off() const { return phase == Phase::moving || phase == Phase::undoing; }
};

/// One spelling: fields, each ended by a NUL, which no path holds, and a SHA-256 of them all. Public for the tests.
std::string serialize(const Exchange& exchange);
std::optional<Exchange> parse_exchange(std::string_view bytes);

/// `state_dir/restores/SERVICE`; nothing when there is none. Error: Exit::io_error, it cannot be read or is damaged.
Result<std::optional<Exchange>> read_exchange(const StateDir& state, const std::string& service);
/// Durably, in place of the one before. Error: Exit::io_error; then the one before still holds.
Result<> write_exchange(const StateDir& state, const Exchange& exchange);
/// Durably; needs no room on the disk (D8). What lies in `stage` is then nobody's.
Result<> remove_exchange(const StateDir& state, const std::string& service);
/// The services that have one.
std::vector<std::string> list_exchanges(const StateDir& state);

}  // namespace backupctl::state
