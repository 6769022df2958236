#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/unique_fd.h"
#include "gate/relay/dump_contents.h"
#include "gate/step/postgres_client.h"

namespace backupctl::step {

/// A table as the operator names it and a dump lists it, neither quoted.
struct TableName {
  std::string schema, table;
};
/// "schema.table", or "table" of the schema public. A name that holds a dot itself cannot be said.
TableName parse_table_name(std::string_view text);

/// Rows by table, as SQL quotes its name with schema; -1: an extension's table, of which a dump holds a part.
using TableRows = std::map<std::string, std::int64_t>;

/// A database that a restore writes to, by psql and pg_restore. Whatever writes does so in one transaction: after an Error the
/// database is as it was. Dumps are read from where they begin.
class PostgresDatabase {
 public:
  PostgresDatabase(Context& context, PostgresClient& client, std::string name)
      : context_(&context), client_(&client), name_(std::move(name)) {}

  struct Found {
    bool exists = false;
    std::int64_t clients = 0;  ///< connections of others
    std::int64_t tables = 0;
    std::int64_t writes = 0;  ///< rows that were ever written to its tables, as the server counts them
    std::string names;        ///< the commonest of the others: "shop (psql) from 127.0.0.1, …"; the server's words, escaped
  };
  Result<Found> look();
  /// What a restore's exchange cannot leave as it is: which tables there are, by their oid, but for those made since `earlier`
  /// was asked; of one `table` the file that its rows lie in.
  /// @param earlier  an answer of before. @return the same: nothing was exchanged since; another one: it was, or somebody else
  /// took a table away or wrote it anew; empty: a connection of ours that lives on may be about to
  Result<std::string> mark(const TableName* table, const std::string& earlier);
  /// Makes it, empty, as that of the dump was: with its encoding, locale, owner, rights and settings where the dump is of a
  /// database of this name, with encoding and locale where not (or with what the server gives to new ones, if they cannot be
  /// told). What of it the server does not take is noted. Error: PostgresClient's.
  Result<> create(int dump);
  /// Takes away what create() made, as long as nobody is in it and it holds no table.
  void drop_created();
  /// The table's name as SQL quotes it, with schema; empty where it is not there.
  Result<std::string> find(const TableName& table);
  /// Counts every row there is.
  Result<TableRows> rows();
  /// What the planner wants to know, which no dump holds.
  Result<> analyze();

  /// The database, or one table of it, into `out`.
  Result<> dump(int out, const TableName* table);
  /// All of a dump. @param clean  what is there of the same name goes first
  Result<> restore(int dump, bool clean);
  /// A table that is not there, with its indexes, constraints and sequences. @param foreign_keys  those to other tables, too
  /// Error: Exit::bad_data, the dump has none.
  Result<> restore_table(int dump, const TableName& table, bool foreign_keys);
  /// The rows of a table that is there and stays as it is, rights, indexes, constraints and all. Error: as above.
  Result<> restore_rows(int dump, const TableName& table);

 private:
  /// Whether the server made it.
  Result<bool> create_as_dumped(int dump);
  Result<std::string> clause_of(int dump);
  Result<ClientRun> ask(const std::string& script, std::vector<std::string> variables, const std::string& doing,
                        monitor::Job::OnRecord on_record = {}, const char* database = nullptr);
  /// A folder with a list of the entries of the dump that are the table's (pg_restore(1), --use-list).
  Result<state::Spool> list_of(int dump, const TableName& table, const std::vector<relay::Belonging>& kinds);
  [[nodiscard]] tl::unexpected<Error> failed(const ClientRun& run, const std::string& doing) const;

  Context* context_;
  PostgresClient* client_;
  std::string name_;
  bool created_ = false;
};

}  // namespace backupctl::step
