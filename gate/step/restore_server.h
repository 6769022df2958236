#pragma once

#include "gate/state/kept.h"
#include "gate/step/restore.h"

/// What restores into servers have in common (restore_postgres.h, restore_redis.h): what was there is kept as a dump.
namespace backupctl::step {

/// Gives up what is kept. Exit::skipped where nothing is. Error: Exit::unavailable, the restore was broken off.
Result<Report> commit_server(Context& context, const policy::Service& service);

/// What is to be put back. Error: Exit::unavailable, nothing is kept.
Result<state::Kept> kept_of(Context& context, const policy::Service& service);

/// Tells the journal (X9) and the user which archive a restore took.
Report with_origin(Context& context, const policy::Service& service, Report report, const StoredArchive& stored);

}  // namespace backupctl::step
