#pragma once

#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"

namespace backupctl::step {

/// Dumps the service's database into the file `archive` of the spool: PostgreSQL's custom format (pg_dump(1), -Fc), one
/// snapshot of the database as it was when the dump began, while it is in use. It is written to a file, not to a pipe, so that
/// pg_dump can put into its table of contents where each table begins, and a restore of one table need not read the others. It
/// counts when pg_dump ended well, pg_restore reads its table of contents, and that names at least one table (D3).
/// @return members: entries of the table of contents; files and source_bytes mean nothing of a dump.
/// Error: nothing was sent. Exit::bad_data, no table; PostgresClient's.
Result<TreeRead> dump_postgres(Context& context, const policy::Service& service, state::Spool& spool);

}  // namespace backupctl::step
