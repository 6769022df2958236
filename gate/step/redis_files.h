#pragma once

#include <string>
#include <vector>

#include "gate/step/context.h"

/// The append-only files of a Redis server, in the policy's `data_dir`: on this host, and the server's account may change all
/// of it at any time (X5). Nothing in there is parsed by the monitor, and nothing is ever deleted.
namespace backupctl::step {

/// Error: Exit::bad_config, it is no directory, or a symbolic link leads there.
Result<UniqueFd> open_data_dir(const policy::Service& service);

/// Which of the names that Redis gives them ("appendonlydir" since 7.0, "appendonly.aof" before) redis-check-aof calls damaged;
/// the server stands still. It reads a copy in the spool: it opens for writing what it only reads, and what it read must not be
/// exchanged meanwhile. A file whose end alone is missing counts as damaged, though most servers read it (aof-load-truncated).
/// Error: what is there are no plain files, several servers' or more than fits (Exit::bad_data, io_error), or whether it is
/// damaged cannot be told. Nothing was set aside.
Result<std::vector<std::string>> damaged_files(Context& context, const policy::Service& service, int data_dir);

/// Renames each to NAME.damaged-YYYYMMDD-HHMMSS (UTC), durably. @return where they lie then. Error: Exit::io_error.
Result<std::string> set_aside(const policy::Service& service, int data_dir, const std::vector<std::string>& names);

}  // namespace backupctl::step
