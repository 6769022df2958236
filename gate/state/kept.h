#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/unique_fd.h"
#include "gate/state/state_dir.h"

/// What a restore into a server replaced, as a dump of it, kept until somebody decides (D6): `kept/SERVICE` in the state
/// directory, root's alone. Of trees see exchange_record.h.
namespace backupctl::state {

struct Kept {
  UniqueFd file;      ///< open for reading
  std::string part;   ///< what of the service it is; empty: all of it
  std::string mark;   ///< of what was there when it was made; empty once that may have been touched
  std::int64_t made;  ///< unix seconds
  bool concluded;     ///< false: whether what is there was replaced already is not known, since the restore was killed
};
/// Nothing where nothing is kept. Error: Exit::io_error.
Result<std::optional<Kept>> open_kept(const StateDir& state, const std::string& service);

/// The services of which something is kept.
std::vector<std::string> list_kept(const StateDir& state);

/// A new empty file for it, which has no name until keep() was called: of a run that was killed nothing stays (open(2),
/// O_TMPFILE). Error: Exit::io_error, also on a file system without such files, which the spool beside it needs too.
Result<UniqueFd> begin_kept(const StateDir& state, const std::string& service);
/// From here on it is there, in place of what was, whatever happens (fsync, link, rename, fsync). Error: Exit::io_error.
Result<> keep(const StateDir& state, const std::string& service, const UniqueFd& file, const std::string& part = {},
              const std::string& mark = {});
/// The restore is done, and what is kept waits for a decision. Error: Exit::io_error.
Result<> conclude_kept(const StateDir& state, const std::string& service);
/// It is being put back: whether that is done is not known from here on. Error: Exit::io_error.
Result<> reopen_kept(const StateDir& state, const std::string& service);
/// Gives up what is kept, for good (unlink, fsync), and what was begun. Error: Exit::io_error.
Result<> remove_kept(const StateDir& state, const std::string& service);

}  // namespace backupctl::state
