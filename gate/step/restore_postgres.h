#pragma once

#include "gate/step/postgres_database.h"
#include "gate/step/restore.h"

namespace backupctl::step {

/// The dump is what was signed, and pg_restore reads it to its end (D6, X6). @return the rows it holds. Error: Exit::bad_data.
Result<TableRows> verify_dump(Context& context, PostgresClient& client, const StoredArchive& stored, int dump);

/// Restores a database from a dump that was fetched and verified to its last row before the server is spoken to (D6): all of it
/// in one transaction, or into another database, or one table. What was there is dumped first and kept until
/// restore_commit() or restore_rollback(), but for another database, which must hold no table. Afterwards every row is counted
/// and compared with the dump (D7). A database that is not there is made.
/// Error: Exit::unavailable, the database has other clients, or an earlier restore waits for a decision; Exit::bad_data, the
/// dump is not what was signed, or has no such table; or the rows differ afterwards. Others as PostgresClient's.
Result<Report> restore_postgres(Context& context, const policy::Service& service, const RestoreWish& wish,
                                const std::string& keys);

/// Restores the dump of what was there, in one transaction.
Result<Report> rollback_postgres(Context& context, const policy::Service& service);

}  // namespace backupctl::step
