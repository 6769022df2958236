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

/// Mode "dump-database NAME": what `pg_restore --create --list` says of the database NAME itself, sent as entries in the
/// archive's order: number[0] the id. That is its making, with encoding, locale and owner, and its rights, settings and
/// comment; nothing where the dump is of a database of another name.
///
/// Mode "database-clause": of what `pg_restore --create --schema-only --file=-` writes, what stands behind
/// "CREATE DATABASE … WITH TEMPLATE = template0", sent as one entry's text: encoding and locale (CREATE DATABASE). Nothing
/// where it holds more than words, numbers and plain literals.

}  // namespace backupctl::relay
