#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/record.h"
#include "gate/monitor/job.h"
#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/worker.h"
#include "gate/vault/secret.h"

namespace backupctl::step {

/// A program that a database's makers ship (pg_dump, redis-cli, …), to be run once. Descriptors are not owned.
struct DatabaseClient {
  std::vector<std::string> argv = {};  ///< argv[0] an absolute path; no secret stands here
  std::vector<std::string> env = {};   ///< the whole environment, NAME=value
  std::string socket = {};  ///< the server's socket on this host, shown under the same path; then there is no network
  bool network = false;     ///< otherwise it reaches nothing but what it is given here
  const vault::SecretText* secret = nullptr;  ///< what it finds in secret_file, readable by itself alone (X4)
  std::string secret_variable = {};  ///< not empty: it finds the secret in this variable of its own environment instead
  std::vector<std::string> certificates = {};  ///< files shown under their own paths
  state::Spool* spool = nullptr;               ///< a folder that it may write, shown at /spool
  int in = -1, out = -1;
  std::vector<std::string> listener = {};  ///< a relay mode that reads its standard output instead of `out`
  monitor::Job::OnRecord on_record = {};   ///< sees the listener's entries
  std::chrono::seconds limit{0};           ///< killed then, for a program that has no limit of its own; 0: the session's
};

/// Where a DatabaseClient finds its secret.
inline constexpr const char* secret_file = "/config/secret";

/// How it ended. What a server said stands in its words: they are escaped (X10), and decide nothing but which error is told.
struct ClientRun {
  int status = -1;                 ///< exit status, or 128 + signal
  std::vector<std::string> words;  ///< the first lines of its standard error; of one that got no more memory, that alone
  Record listened;                 ///< the listener's result
};

/// Runs it in the role "dumper" or "local dumper". Error: it could not be run, or the session is over (S5), or what the
/// listener found wrong; a program that ends badly is no Error here.
Result<ClientRun> run_client(Context& context, const DatabaseClient& client);

/// The one line of a password file. Error: Exit::bad_config, it is not root's alone, or not one line.
Result<vault::SecretText> read_password(const std::string& path);

/// Shows a worker a program of a Debian package, and what it links to.
Result<> show_program(Worker& worker, const std::string& program);

}  // namespace backupctl::step
