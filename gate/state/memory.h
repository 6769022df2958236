#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/civil_date.h"
#include "common/result.h"
#include "gate/state/state_dir.h"

namespace backupctl::state {

/// What this host remembers of a service's runs, for --check: it must tell of a night that did not happen without asking a
/// remote. Apart from History, which retention depends on: this is written by those who only look as well, and nothing is
/// deleted by it.
struct Memory {
  struct Run {
    std::int64_t when = 0;  ///< unix seconds of its end
    int exit = 0;
  };
  struct Archive {
    CivilDate date;
    std::int64_t when = 0;               ///< unix seconds of its commit
    std::int64_t bytes = -1;             ///< -1 unknown
    std::set<std::string> remotes = {};  ///< where this host left it with a manifest
  };
  std::map<std::string, Run> last;           ///< by verb, without dashes: "sync", "archive", "verify", "drill"
  std::map<std::string, std::int64_t> good;  ///< the same: when it ended well last
  std::optional<double> rehearsed;           ///< seconds of the last drill that ended well, its comparison left out
  std::optional<CivilDate> first_committed;  ///< of the archives that this host made: older ones are another's
  std::vector<Archive> archives;             ///< committed by this host or adopted; by date, the newest last
};

/// So many archives are remembered: more than any sensible retention keeps.
inline constexpr std::size_t archives_remembered = 100;

/// An ending that leaves nothing to do: done, or nothing was due.
bool ended_well(int exit);

/// `history/NAME.runs`: a line for each thing, `run VERB WHEN EXIT`, `good VERB WHEN`, `rehearsed SECONDS`, `first DATE`,
/// `archive DATE WHEN BYTES REMOTE…`. A line that is not understood is left out, and so is a file that cannot be read: then it
/// looks as if nothing ever ran, which --check tells of.
/// @param name  a service's, or an extra target's with ".target" behind it
Memory read_memory(const StateDir& state, const std::string& name);

/// Changes and writes it durably, one at a time. Error: Exit::io_error.
Result<> change_memory(const StateDir& state, const std::string& name, const std::function<void(Memory&)>& change);

/// Puts an archive in its place by date; of a date there already it takes the place, but for the remotes, which are added.
void remember_archive(Memory& memory, const Memory::Archive& archive);

}  // namespace backupctl::state
