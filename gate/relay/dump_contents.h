#pragma once

namespace backupctl::relay {

/// Mode "dump-contents SCHEMA TABLE": what `pg_restore --list` says of a dump (pg_restore(1), PrintTOCSummary: a line
/// "ID; TABLEOID OID KIND SCHEMA NAME OWNER" an entry, and with --verbose ";\tdepends on: ID…" after it).
///
/// The result: number[0] entries, number[1] of them with a table's rows (TABLE DATA). Where TABLE is not empty, what belongs to
/// that table is sent as entries in the archive's order: number[0] the id, number[1] 1 for its rows. That is the table itself
/// and what depends on nothing else (its rows, indexes, constraints, sequences, rights), and its own foreign keys; no views.
/// Error: Exit::bad_data, more than 1,000,000 entries (X5).

}  // namespace backupctl::relay
