#include "gate/step/postgres_database.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "common/escape.h"
#include "common/io.h"
#include "gate/step/helpers.h"

namespace backupctl::step {
namespace {

constexpr const char* unchanged = "the database is as it was";
constexpr std::string_view by = "by ";

// A right is not needed for any of these: pg_stat_activity shows everybody who is connected, and of the server's own processes
// (autovacuum) that they are nobody.
constexpr const char* look_script = R"(WITH other AS (
  SELECT translate(concat_ws(' ', usename, '(' || nullif(application_name, '') || ')', 'from ' || host(client_addr)), E'\n\t', '??') AS name
  FROM pg_catalog.pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
  UNION ALL SELECT translate('the prepared transaction ' || gid, E'\n\t', '??') FROM pg_catalog.pg_prepared_xacts
  WHERE database = current_database())
SELECT 'clients', count(*) FROM other
UNION ALL (SELECT 'by ' || name, count(*) FROM other GROUP BY name ORDER BY 2 DESC, 1 LIMIT 3)
UNION ALL SELECT 'writes', coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_catalog.pg_stat_user_tables
UNION ALL SELECT 'tables', count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%';
)";
// An exchange drops every table that the dump holds and makes it anew, with a greater oid, or writes the rows of one into
// another file. A connection of ours that lives on may be about to; it is looked for first, since what it commits is seen by
// the statement after. Of our own user, since anybody may call himself backupctl.
constexpr const char* mark_script = R"(SELECT 'busy', count(*) FROM pg_catalog.pg_stat_activity
  WHERE datname = current_database() AND application_name = 'backupctl' AND usename = session_user AND pid <> pg_backend_pid();
SELECT md5(coalesce(string_agg(c.oid::text || CASE WHEN :'table' <> '' THEN ':' || c.relfilenode ELSE '' END, ',' ORDER BY c.oid), '')),
    coalesce(max(c.oid::bigint), 0)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND (:'table' = '' OR n.nspname = :'schema' AND c.relname = :'table') AND (:last = 0 OR c.oid::bigint <= :last);
)";
constexpr const char* exists_script = "SELECT 'databases', count(*) FROM pg_catalog.pg_database WHERE datname = :'name';\n";
// A line break in a name would be one in the answer; in a dump's own lines it stands for the same (relay, table_rows.cpp).
constexpr const char* find_script =
    R"(SELECT translate(format('%I.%I', n.nspname, c.relname), E'\n', '?'), 1 FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname = :'schema' AND c.relname = :'table';
)";
constexpr const char* rows_script = R"(SELECT format(CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    THEN 'SELECT %2$L, -1' ELSE 'SELECT %2$L, count(*) FROM ONLY %1$s' END, name, translate(name, E'\n', '?'))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
    LATERAL format('%I.%I', n.nspname, c.relname) AS name
  WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' \gexec
)";
constexpr const char* drop_script = R"(SELECT format('DROP DATABASE %I', :'name') \gexec
)";
// A table is restored into a schema that may not be there; one that was made for it goes again where it does not come.
constexpr const char* schema_script =
    R"(SELECT 'made', 1 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = :'schema');
SELECT format('CREATE SCHEMA %I', :'schema')
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = :'schema') \gexec
)";
constexpr const char* drop_schema_script = R"(SELECT format('DROP SCHEMA %I', :'schema') \gexec
)";
// Who holds the table locked all the time keeps a restore from nothing but beginning.
constexpr const char* truncate_script =
    "SET LOCAL lock_timeout = '30s';\nSELECT format('TRUNCATE TABLE ONLY %I.%I', :'schema', :'table') \\gexec\n";

std::vector<std::string> variables_of(const TableName& table) {
  return {"--set=schema=" + table.schema, "--set=table=" + table.table};
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

Result<> write_new(const state::Spool& spool, const char* name, const std::string& text) {
  const UniqueFd file = open_beneath(spool.fd(), name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file || ::fchmod(file.get(), 0644) != 0)
    return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool.path(), unchanged);
  return write_all(file.get(), text);
}

/// A folder with a list of entries for pg_restore(1), --use-list.
Result<state::Spool> list_in_spool(Context& context, const std::string& list) {
  auto spool = state::Spool::make(context.state);
  if (!spool) return spool;
  if (auto written = write_new(*spool, "list", list); !written) return pass(written.error());
  return spool;
}

}  // namespace

TableName parse_table_name(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {"public", std::string(text)};
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

tl::unexpected<Error> PostgresDatabase::failed(const ClientRun& run, const std::string& doing) const {
  return tl::make_unexpected(client_->error(run, doing, unchanged));
}

Result<ClientRun> PostgresDatabase::ask(const std::string& script, std::vector<std::string> variables, const std::string& doing,
                                        monitor::Job::OnRecord on_record, const char* database) {
  auto ran = client_->ask(database != nullptr ? database : name_, script, std::move(variables), std::move(on_record));
  if (ran && ran->status != 0) return failed(*ran, doing);
  return ran;
}

Result<PostgresDatabase::Found> PostgresDatabase::look() {
  Found found;
  const auto ran = ask(look_script, {}, "look into the database of", [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    if (record.view() == "clients")
      found.clients = record.number[0];
    else if (record.view() == "tables")
      found.tables = record.number[0];
    else if (record.view() == "writes")
      found.writes = record.number[0];
    else if (record.view().starts_with(by))
      found.names += fmt::format("{}{}", found.names.empty() ? "" : ", ", escape_line(record.view().substr(by.size()), 120));
    return true;
  });
  if (ran) {
    found.exists = true;
    return found;
  }
  // A server says that in its own language; whether the database is there is asked of another one.
  std::int64_t databases = 1;
  const auto asked = ask(
      exists_script, {"--set=name=" + name_}, "look into the server of",
      [&](const Record& record) {
        if (record.kind == Record::Kind::entry) databases = record.number[0];
        return record.kind == Record::Kind::entry;
      },
      maintenance_database);
  if (!asked || databases > 0) return pass(ran.error());
  return Found{};
}

Result<std::string> PostgresDatabase::mark(const TableName* table, const std::string& earlier) {
  std::string mark;
  std::int64_t last = 0, busy = 1;
  const std::string_view number = std::string_view(earlier).substr(0, earlier.find(':'));
  std::from_chars(number.data(), number.data() + number.size(), last);
  std::vector<std::string> variables = variables_of(table != nullptr ? *table : TableName{});
  variables.push_back(fmt::format("--set=last={}", last));
  const auto ran = ask(mark_script, std::move(variables), "look into the database of", [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    if (record.view() == "busy")
      busy = record.number[0];
    else
      mark = fmt::format("{}:{}", last > 0 ? last : record.number[0], record.view());
    return true;
  });
  if (!ran) return pass(ran.error());
  return busy > 0 ? std::string() : mark;
}

Result<bool> PostgresDatabase::create_as_dumped(int dump) {
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  std::string list;
  const auto read = client_->run("pg_restore", {"--create", "--list"}, nullptr,
                                 {.in = dump, .listener = {"dump-database", name_}, .on_record = [&](const Record& record) {
                                    if (record.kind == Record::Kind::entry) list += fmt::format("{};\n", record.number[0]);
                                    return record.kind == Record::Kind::entry;
                                  }});
  if (!read) return pass(read.error());
  if (read->status != 0) return failed(*read, "read the dump of");
  if (list.empty()) return false;
  auto spool = list_in_spool(*context_, list);
  if (!spool) return pass(spool.error());
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  const std::string other = maintenance_database;
  const auto ran =
      client_->run("pg_restore", {"--create", "--exit-on-error", "--no-password", "--use-list=/spool/list", "--dbname="},
                   &other, {.spool = &*spool, .in = dump});
  if (!ran) return pass(ran.error());
  const auto found = look();
  if (!found) return pass(found.error());
  created_ = found->exists;  // it was not there a moment ago
  if (ran->status == 0) return created_;
  if (!found->exists)
    return tl::make_unexpected(client_->error(*ran, "make the database of",
                                              "make it by hand as it should be (createdb), and say the same --restore again"));
  context_->output.note(
      client_->error(*ran, "make the database of", "it is there, without all of its owner, rights and settings").sentence,
      true);
  return true;
}

Result<std::string> PostgresDatabase::clause_of(int dump) {
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  std::string clause;
  const auto read = client_->run("pg_restore", {"--create", "--schema-only", "--file=-"}, nullptr,
                                 {.in = dump, .listener = {"database-clause"}, .on_record = [&](const Record& record) {
                                    if (record.kind == Record::Kind::entry) clause = record.view();
                                    return record.kind == Record::Kind::entry;
                                  }});
  if (!read) return pass(read.error());
  if (read->status != 0) return failed(*read, "read the dump of");
  return clause;
}

Result<> PostgresDatabase::create(int dump) {
  const auto made = create_as_dumped(dump);
  if (!made) return pass(made.error());
  if (*made) return {};
  const auto clause = clause_of(dump);
  if (!clause) return pass(clause.error());
  const auto in =
      memory_file(fmt::format("{}CREATE DATABASE :\"name\" WITH TEMPLATE = template0 {};\n", own_names_alone, *clause));
  if (!in) return pass(in.error());
  const std::string other = maintenance_database;
  const auto ran = client_->run("psql", PostgresClient::psql_args({"--set=name=" + name_}), &other, {.in = in->get()});
  if (!ran) return pass(ran.error());
  created_ = ran->status == 0;
  return created_ ? Result<>{} : failed(*ran, "make the database " + name_ + " for");
}

void PostgresDatabase::drop_created() {
  if (const auto found = look(); !created_ || !found || found->tables > 0) return;
  created_ = false;
  const auto dropped = ask(
      drop_script, {"--set=name=" + name_}, "take away the empty database of", [](const Record&) { return false; },
      maintenance_database);
  if (!dropped) context_->output.note(dropped.error().sentence, true);
}

Result<std::string> PostgresDatabase::find(const TableName& table) {
  std::string name;
  const auto ran = ask(find_script, variables_of(table), "look into the database of", [&](const Record& record) {
    if (record.kind == Record::Kind::entry) name = record.view();
    return record.kind == Record::Kind::entry;
  });
  if (!ran) return pass(ran.error());
  return name;
}

Result<TableRows> PostgresDatabase::rows() {
  TableRows rows;
  const auto ran = ask(rows_script, {}, "count the rows of", [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    rows[std::string(record.view())] = record.number[0];
    return true;
  });
  if (!ran) return pass(ran.error());
  return rows;
}

Result<> PostgresDatabase::analyze() {
  const auto ran = ask("ANALYZE;\n", {}, "analyze the database of");
  return ran ? Result<>{} : pass(ran.error());
}

Result<> PostgresDatabase::dump(int out, const TableName* table) {
  std::vector<std::string> args = {"--format=custom", "--no-password"};
  if (table != nullptr) args.push_back("--table=" + quoted(table->schema) + "." + quoted(table->table));
  const auto ran = client_->run("pg_dump", args, &name_, {.out = out});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "dump the database before the restore of");
}

Result<> PostgresDatabase::restore(int dump, bool clean) {
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  // An empty name stands for the one of the environment: in an argument it could be taken for a connection string.
  std::vector<std::string> args = {"--single-transaction", "--no-password", "--dbname="};
  if (clean) args.insert(args.end(), {"--clean", "--if-exists"});
  const auto ran = client_->run("pg_restore", args, &name_, {.in = dump});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "restore");
}

Result<state::Spool> PostgresDatabase::list_of(int dump, const TableName& table, const std::vector<relay::Belonging>& kinds) {
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  std::string list;
  const auto ran = client_->run(
      "pg_restore", {"--list", "--verbose"}, nullptr,
      {.in = dump, .listener = {"dump-contents", table.schema, table.table}, .on_record = [&](const Record& record) {
         if (record.kind != Record::Kind::entry) return false;
         if (std::ranges::find(kinds, static_cast<relay::Belonging>(record.number[1])) != kinds.end())
           list += fmt::format("{};\n", record.number[0]);
         return true;
       }});
  if (!ran) return pass(ran.error());
  if (ran->status != 0) return failed(*ran, "read the dump of");
  if (list.empty())
    return fail(Exit::bad_data, "the dump holds no table {}.{}{}, so {} (pg_restore --list shows what it holds)", table.schema,
                table.table, kinds.size() == 1 ? " with rows of its own" : "", unchanged);
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  return list_in_spool(*context_, list);
}

Result<> PostgresDatabase::restore_table(int dump, const TableName& table, bool foreign_keys) {
  std::vector<relay::Belonging> kinds = {relay::Belonging::definition, relay::Belonging::rows};
  if (foreign_keys) kinds.push_back(relay::Belonging::foreign_key);
  auto spool = list_of(dump, table, kinds);
  if (!spool) return pass(spool.error());
  const std::vector<std::string> schema = {"--set=schema=" + table.schema};
  bool made = false;
  const auto asked = ask(schema_script, schema, "make a schema for", [&](const Record& record) {
    made = made || record.kind == Record::Kind::entry;
    return record.kind == Record::Kind::entry;
  });
  if (!asked) return pass(asked.error());
  const auto ran = client_->run("pg_restore", {"--single-transaction", "--no-password", "--use-list=/spool/list", "--dbname="},
                                &name_, {.spool = &*spool, .in = dump});
  if (!ran) return pass(ran.error());
  if (ran->status == 0) return {};
  if (made)
    if (auto dropped = ask(drop_schema_script, schema, "take away the empty schema of"); !dropped)
      context_->output.note(dropped.error().sentence, true);
  return failed(*ran, "restore a table of");
}

Result<> PostgresDatabase::restore_rows(int dump, const TableName& table) {
  auto spool = list_of(dump, table, {relay::Belonging::rows});
  if (!spool) return pass(spool.error());
  if (auto written = write_new(*spool, "truncate.sql", std::string(own_names_alone) + truncate_script); !written)
    return written;
  const UniqueFd script = open_beneath(spool->fd(), "rows.sql", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!script) return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool->path(), unchanged);
  const auto read = client_->run("pg_restore", {"--data-only", "--use-list=/spool/list", "--file=-"}, nullptr,
                                 {.spool = &*spool, .in = dump, .out = script.get()});
  if (!read) return pass(read.error());
  if (read->status != 0) return failed(*read, "read the dump of");
  std::vector<std::string> args =
      PostgresClient::psql_args({"--single-transaction", "--file=/spool/truncate.sql", "--file=/spool/rows.sql"});
  for (const std::string& variable : variables_of(table)) args.push_back(variable);
  const auto ran = client_->run("psql", args, &name_, {.spool = &*spool});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "restore the rows of a table of");
}

}  // namespace backupctl::step
