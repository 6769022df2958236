#include "gate/step/postgres_database.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/io.h"
#include "gate/step/helpers.h"

namespace backupctl::step {
namespace {

constexpr const char* unchanged = "the database is as it was";

// Who may make functions in a schema of the search path could have ours run his (CVE-2018-1058).
constexpr const char* own_names_alone = "SELECT pg_catalog.set_config('search_path', '', false);\n";

// A right is not needed for any of these: pg_stat_activity shows everybody who is connected, and of the server's own processes
// (autovacuum) that they are nobody.
constexpr const char* look_script = R"(SELECT 'clients', count(*) FROM pg_catalog.pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
UNION ALL SELECT 'tables', count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%';
)";
// Which files the tables' rows lie in: another answer than before means that they were exchanged, or may have been. A
// connection of ours that lives on may be about to.
constexpr const char* mark_script = R"(SELECT 'mark', CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity
    WHERE datname = current_database() AND application_name = 'backupctl' AND pid <> pg_backend_pid()) THEN -1
  ELSE ('x' || substr(md5(coalesce(string_agg(c.oid || ':' || c.relfilenode, ',' ORDER BY c.oid), '')), 1, 15))::bit(60)::bigint END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%';
)";
constexpr const char* exists_script = "SELECT 'databases', count(*) FROM pg_catalog.pg_database WHERE datname = :'name';\n";
constexpr const char* maintenance = "postgres";  // which every server has (createdb(1), --maintenance-db)
constexpr const char* find_script = R"(SELECT format('%I.%I', n.nspname, c.relname), 1 FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname = :'schema' AND c.relname = :'table';
)";
constexpr const char* rows_script = R"(SELECT format(CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    THEN 'SELECT %1$L, -1' ELSE 'SELECT %1$L, count(*) FROM ONLY %1$s' END, format('%I.%I', n.nspname, c.relname))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' \gexec
)";
constexpr const char* create_script = "SELECT format('CREATE DATABASE %I', :'name') \\gexec\n";
// Who holds the table locked all the time keeps a restore from nothing but beginning.
constexpr const char* truncate_script =
    "SET LOCAL lock_timeout = '30s';\nSELECT format('TRUNCATE TABLE ONLY %I.%I', :'schema', :'table') \\gexec\n";

std::vector<std::string> variables_of(const TableName& table) {
  return {"--set=schema=" + table.schema, "--set=table=" + table.table};
}

std::vector<std::string> psql_args(std::vector<std::string> more) {
  std::vector<std::string> args = {"--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
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
  const auto in = memory_file(own_names_alone + script);
  if (!in) return pass(in.error());
  std::vector<std::string> args = psql_args({"--no-align", "--tuples-only", "--field-separator=\t"});
  args.insert(args.end(), variables.begin(), variables.end());
  const std::string asked = database != nullptr ? database : name_;
  auto ran =
      client_->run("psql", args, &asked, {.in = in->get(), .listener = {"query-rows"}, .on_record = std::move(on_record)});
  if (ran && ran->status != 0) return failed(*ran, doing);
  return ran;
}

Result<PostgresDatabase::Found> PostgresDatabase::look() {
  Found found;
  const auto ran = ask(look_script, {}, "look into the database of", [&](const Record& record) {
    if (record.kind != Record::Kind::entry) return false;
    (record.view() == "clients" ? found.clients : found.tables) = record.number[0];
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
      maintenance);
  if (!asked || databases > 0) return pass(ran.error());
  return Found{};
}

Result<std::int64_t> PostgresDatabase::mark() {
  std::int64_t mark = -1;
  const auto ran = ask(mark_script, {}, "look into the database of", [&](const Record& record) {
    if (record.kind == Record::Kind::entry) mark = record.number[0];
    return record.kind == Record::Kind::entry;
  });
  if (!ran) return pass(ran.error());
  return mark;
}

Result<> PostgresDatabase::create() {
  const auto in = memory_file(std::string(own_names_alone) + create_script);
  if (!in) return pass(in.error());
  const std::string other = maintenance;
  const auto ran = client_->run("psql", psql_args({"--set=name=" + name_}), &other, {.in = in->get()});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "make the database " + name_ + " for");
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
  auto spool = state::Spool::make(context_->state);
  if (!spool) return spool;
  if (auto written = write_new(*spool, "list", list); !written) return pass(written.error());
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the dump; {}", unchanged);
  return spool;
}

Result<> PostgresDatabase::restore_table(int dump, const TableName& table, bool foreign_keys) {
  std::vector<relay::Belonging> kinds = {relay::Belonging::definition, relay::Belonging::rows};
  if (foreign_keys) kinds.push_back(relay::Belonging::foreign_key);
  auto spool = list_of(dump, table, kinds);
  if (!spool) return pass(spool.error());
  const auto ran = client_->run("pg_restore", {"--single-transaction", "--no-password", "--use-list=/spool/list", "--dbname="},
                                &name_, {.spool = &*spool, .in = dump});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "restore a table of");
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
  std::vector<std::string> args = psql_args({"--single-transaction", "--file=/spool/truncate.sql", "--file=/spool/rows.sql"});
  for (const std::string& variable : variables_of(table)) args.push_back(variable);
  const auto ran = client_->run("psql", args, &name_, {.spool = &*spool});
  if (!ran) return pass(ran.error());
  return ran->status == 0 ? Result<>{} : failed(*ran, "restore the rows of a table of");
}

}  // namespace backupctl::step
