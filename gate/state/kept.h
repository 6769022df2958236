#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/state/state_dir.h"

/// What a restore into a server replaced, as a dump of it, kept until somebody decides (D6): `kept/SERVICE` in the state
/// directory, root's alone. Of trees see exchange_record.h.
namespace backupctl::state {

/// Opened for reading; nothing where nothing is kept. Error: Exit::io_error.
Result<std::optional<UniqueFd>> open_kept(const StateDir& state, const std::string& service);

/// A new empty file for it, which is nothing until keep() was called; what a run that was killed left of one is gone.
/// Error: Exit::io_error.
Result<UniqueFd> begin_kept(const StateDir& state, const std::string& service);
/// From here on it is there, whatever happens (fsync, rename, fsync). Error: Exit::io_error.
Result<> keep(const StateDir& state, const std::string& service, const UniqueFd& file);
/// Gives up what is kept and what was begun. Error: Exit::io_error.
Result<> remove_kept(const StateDir& state, const std::string& service);

}  // namespace backupctl::state
