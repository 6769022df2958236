#pragma once

#include <string>
#include <vector>

#include "gate/step/database_client.h"

namespace backupctl::step {

/// PostgreSQL's own programs, of the newest version on this host: an older pg_dump refuses a newer server (pg_dump(1), NOTES).
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

  /// What a run that ended badly means. @param doing  "dump", as errors call it; @param state  what it means: "nothing was
  /// sent"
  [[nodiscard]] Error error(const ClientRun& run, const std::string& doing, const std::string& state) const;
  /// Whether it failed since there is no such database.
  [[nodiscard]] static bool is_missing(const ClientRun& run);

  [[nodiscard]] const policy::Postgres& settings() const { return *settings_; }

 private:
  PostgresClient(Context& context, const policy::Service& service)
      : context_(&context), service_(&service.name), settings_(&service.postgres) {}
  Context* context_;
  const std::string* service_;
  const policy::Postgres* settings_;
  std::string programs_;  ///< their directory
  std::string socket_;    ///< the server's, where it is one
  vault::SecretText passfile_;
};

}  // namespace backupctl::step
