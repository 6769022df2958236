#pragma once

#include <string>
#include <string_view>

#include "gate/state/spool.h"
#include "gate/step/postgres_client.h"
#include "gate/step/read_tree.h"
#include "gate/step/stored_archive.h"

namespace backupctl::step {

/// Beside a dump (commit.h, globals_ending): the roles of its server, which belong to no database. An SQL script for psql that
/// makes those which the server lacks, with their attributes, memberships and settings, and leaves those that it has as they
/// are. What `pg_dumpall --globals-only` writes, but for tablespaces, and it can be said twice (pg_dumpall wants a shell, which
/// no cage has). Writes it into the file `globals` of the spool. Passwords are in it where the user may read them (as a
/// superuser may); where not, that is noted. @param client  has met its server. @return its line of files.jsonl
/// (gate/manifest/manifest.h) Error: PostgresClient's, nothing was sent.
Result<std::string> dump_globals(Context& context, PostgresClient& client, state::Spool& spool, TreeRead& read);

/// Fetches the script of a dump that has one into the file `globals` of a spool of its own, verified against the signed
/// manifest. Error: Exit::bad_data, it is not what was signed.
Result<state::Spool> fetch_globals(Context& context, const policy::Service& service, const StoredArchive& stored);

/// Has psql run it in `database`, in restricted mode: what a server that was hostile when it was backed up wrote into it is SQL
/// for this server, and no command for psql (psql(1), \restrict). Each role that was made is noted.
Result<> restore_globals(Context& context, PostgresClient& client, const std::string& database, state::Spool& globals);

}  // namespace backupctl::step
