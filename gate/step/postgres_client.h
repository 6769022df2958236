#pragma once

#include <string>
#include <vector>

#include "gate/step/database_client.h"
#include "gate/step/postgres_programs.h"

namespace backupctl::step {

/// Who may make functions in a schema of the search path could have ours run his (CVE-2018-1058): before every script of ours.
inline constexpr const char* own_names_alone = "SELECT pg_catalog.set_config('search_path', '', false);\n";

/// Which every server has (createdb(1), --maintenance-db).
inline constexpr const char* maintenance_database = "postgres";

/// PostgreSQL's own programs, of the version that suits the server.
class PostgresClient {
 public:
  /// Reads the password, and finds the programs and the server's socket. Error: Exit::bad_config, what is missing, or not
  /// root's alone.
  static Result<PostgresClient> open(Context& context, const policy::Service& service);

  /// Runs `program` ("pg_dump") as the service's user.
  /// @param database  to connect to; empty: the service's own. nullptr: none, the program works on what it is given alone
  /// @param what  in, out, listener and on_record are the caller's; the rest is filled in
  Result<ClientRun> run(const std::string& program, std::vector<std::string> args, const std::string* database,
                        DatabaseClient what);

  /// Has psql, which neither reads a .psqlrc nor asks anything, ask a script of ours; rows are NAME<TAB>NUMBER (relay,
  /// query-rows). @param database  as above; @param variables  "--set=NAME=VALUE"
  Result<ClientRun> ask(const std::string& database, const std::string& script, std::vector<std::string> variables = {},
                        monitor::Job::OnRecord on_record = {});
  static std::vector<std::string> psql_args(std::vector<std::string> more);
  /// Asks the server for its version, in the service's database or, where that is gone, another, and takes the programs that
  /// suit it. Error: as error().
  Result<> meet(const std::string& doing, const std::string& state);
  [[nodiscard]] int server() const { return server_; }  ///< its major version; 0 before meet()
  [[nodiscard]] const PostgresPrograms& programs() const { return programs_; }

  /// What a run that ended badly means. @param doing  "dump", as errors call it; @param state  what it means: "nothing was
  /// sent"
  [[nodiscard]] Error error(const ClientRun& run, const std::string& doing, const std::string& state) const;
  /// Whether it failed since there is no such database.
  [[nodiscard]] static bool is_missing(const ClientRun& run);

  [[nodiscard]] const policy::Postgres& settings() const { return *settings_; }

 private:
  PostgresClient(Context& context, const policy::Service& service)
      : context_(&context), service_(&service.name), settings_(&service.postgres) {}
  Result<ClientRun> run_once(const std::string& program, const std::vector<std::string>& args, const std::string* database,
                             DatabaseClient what);
  Context* context_;
  const std::string* service_;
  const policy::Postgres* settings_;
  PostgresPrograms programs_;
  int server_ = 0;
  std::string socket_;  ///< the server's, where it is one
  vault::SecretText passfile_;
};

}  // namespace backupctl::step
