#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gate/step/restore.h"

namespace backupctl::step {

/// A backup that is here and verified. `fill` writes it into an open empty directory, as `data/…`, with owners and everything
/// else it knows. @param to  how errors call the directory. @return as extract() does.
struct Backup {
  std::string name;  ///< "planka-2026-03-29.tar.gz"
  std::string from;  ///< the remote
  std::function<Result<Record>(int target, const std::string& to)> fill;
  std::int64_t left_out = 0;  ///< files of a mirror that are not in it as its manifest says; in place there are none
  bool complete = true;       ///< false: of a mirror whose sync was not
  std::int64_t members = 0;   ///< files, directories and links that are written; 0: unknown, of single paths
  std::int64_t content = 0;   ///< the bytes in them, holes not counted
};
/// Fetches and verifies one, all of it (D6). Nothing else has happened when it is called.
using Obtain = std::function<Result<Backup>()>;

/// Puts a backup, or single paths of it, in the place of the service's tree: verified whole, extracted beside it, exchanged for
/// it while the service stands still, and back again if the service does not run on it. The old files stay until
/// restore_commit() or restore_rollback(). Broken off at any point, the tree is the old or the new one for whoever reads or
/// starts the service (D6), and the host starts it (S1).
/// Error: Exit::unavailable, there are old files still; the service does not run on what was restored, or cannot be stopped.
/// Others as their sentences say. After each the old files are in place, unless it says otherwise.
Result<Report> restore_in_place(Context& context, const policy::Service& service, const RestoreWish& wish,
                                const Obtain& obtain);

}  // namespace backupctl::step
