#pragma once

#include <cstdint>

namespace backupctl::relay {

/// Mode "dump-contents SCHEMA TABLE": what `pg_restore --list` says of a dump (pg_restore(1), PrintTOCSummary: a line
/// "ID; TABLEOID OID KIND SCHEMA NAME OWNER" an entry, and with --verbose ";\tdepends on: ID…" after it).
///
/// The result: number[0] entries, number[1] of them with a table's rows (TABLE DATA). Where TABLE is not empty, what belongs to
/// that table is sent as entries in the archive's order: number[0] the id, number[1] a Belonging. That is the table itself and
/// what depends on no other relation (its rows, indexes, constraints, sequences, rights), and its own foreign keys; no views.
/// A table whose owner's name holds a space is not found. Error: Exit::bad_data, more than 1,000,000 entries (X5), or two
/// tables that such a line does not tell apart.
enum class Belonging : std::int64_t { definition, rows, foreign_key };

}  // namespace backupctl::relay
