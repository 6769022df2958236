#pragma once

namespace backupctl::relay {

/// Both send an entry a table: text its name with schema, quoted where SQL wants it; number[0] its rows.
/// The result: number[0] tables, number[1] rows of all. Error: Exit::bad_data, more than 100,000 tables (X5).
///
/// Mode "dump-rows": a script of pg_restore's, whose rows stand between "COPY … FROM stdin;" and "\." one a line (PostgreSQL,
/// COPY, "Text Format": a line break within a value is escaped). Error: Exit::bad_data, it ends within a table.
///
/// Mode "query-rows": lines of psql --no-align --tuples-only --field-separator TAB, name and number.

}  // namespace backupctl::relay
