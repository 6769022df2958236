#include "gate/step/postgres_client.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "common/io.h"
#include "gate/sandbox/helper.h"

namespace backupctl::step {
namespace {

/// Debian keeps each major version's programs in a directory of its own (postgresql-common, architecture.html); its
/// /usr/bin/pg_dump is a Perl script that chooses one of them.
constexpr const char* versions_directory = "/usr/lib/postgresql";
constexpr const char* usual_directory = "/usr/bin";

constexpr int connect_seconds = 20;

std::string find_programs() {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  int newest = 0;
  const std::unique_ptr<DIR, Close> dir(::opendir(versions_directory));
  while (const dirent* const entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    int version = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), version);
    struct stat st {};
    if (code == std::errc{} && end == name.data() + name.size() &&
        ::stat(fmt::format("{}/{}/bin/pg_dump", versions_directory, version).c_str(), &st) == 0)
      newest = std::max(newest, version);
  }
  return newest == 0 ? usual_directory : fmt::format("{}/{}/bin", versions_directory, newest);
}

/// The one line of a passfile that fits whatever is connected to (PostgreSQL, "The Password File").
Result<vault::SecretText> read_passfile(const std::string& path) {
  const auto password = read_password(path);
  if (!password) return pass(password.error());
  vault::SecretText line;
  line.bytes.reserve(2 * password->bytes.size() + 16);  // not moved while it grows
  line.bytes = "*:*:*:*:";
  for (const char c : password->bytes) {
    if (c == ':' || c == '\\') line.bytes += '\\';
    line.bytes += c;
  }
  line.bytes += '\n';
  return line;
}

/// What libpq and the server say (PostgreSQL 12 to 17), and what it means.
struct Hint {
  std::string_view part;
  Exit exit;
  std::string_view words;
};
constexpr Hint hints[] = {
    {"password authentication failed", Exit::unavailable,
     "the server does not accept the user or the password (put the right one into postgres.password_file)"},
    {"no password supplied", Exit::bad_config, "the server wants a password, and the policy names no postgres.password_file"},
    {"Peer authentication failed", Exit::bad_config,
     "the server takes the name of the Unix account for the password on its socket, which backupctl has none of (let "
     "pg_hba.conf take a password for this user)"},
    {"no pg_hba.conf entry", Exit::bad_config, "the server's pg_hba.conf does not let this user in from here"},
    {"server version mismatch", Exit::bad_config,
     "the server is newer than this host's programs (install the postgresql-client of its version)"},
    {"No space left on device", Exit::io_error, "a disk is full"},
    {"could not write to output file", Exit::io_error, "the spool could not be written"},
    {"permission denied", Exit::bad_config, "the user lacks a right in the database"},
    {"row-level security policy", Exit::bad_config, "the user sees only some rows of a table (row security)"},
    {"certificate verify failed", Exit::bad_config, "the server's certificate is not signed by one that is trusted"},
    {"server certificate for", Exit::bad_config, "the server's certificate is for another host"},
    {"server does not support SSL", Exit::bad_config, "the server has no TLS, and postgres.sslmode wants it"},
    {"lock timeout", Exit::unavailable, "another client held a table locked all the time"},
    {"the database system is", Exit::unavailable, "the server is starting or stopping"},
    {"terminating connection", Exit::unavailable, "the server ended the connection"},
    {"server closed the connection", Exit::unavailable, "the server ended the connection"},
    {"Connection refused", Exit::unavailable, "the server does not answer"},
    {"No such file or directory", Exit::unavailable, "the server does not answer"},
    {"timeout expired", Exit::unavailable, "the server does not answer"},
};

/// The line that says what went wrong: the first that calls itself an error.
std::string telling(const std::vector<std::string>& words) {
  const auto it = std::ranges::find_if(words, [](const std::string& line) {
    return line.find("error:") != std::string::npos || line.find("ERROR:") != std::string::npos ||
           line.find("FATAL:") != std::string::npos;
  });
  return it != words.end() ? *it : words.empty() ? "it said nothing" : words.back();
}

}  // namespace

Result<PostgresClient> PostgresClient::open(Context& context, const policy::Service& service) {
  PostgresClient client(context, service);
  const policy::Postgres& settings = service.postgres;
  client.programs_ = find_programs();
  if (auto program = open_trusted_program(client.programs_ + "/pg_dump"); !program)
    return fail(Exit::bad_config, "{}; install postgresql-client, nothing was done", program.error().sentence);
  if (settings.host.starts_with('/')) client.socket_ = fmt::format("{}/.s.PGSQL.{}", settings.host, settings.port);
  if (settings.password_file.empty()) return client;
  auto passfile = read_passfile(settings.password_file);
  if (!passfile) return pass(passfile.error());
  client.passfile_ = std::move(*passfile);
  return client;
}

Result<ClientRun> PostgresClient::run(const std::string& program, std::vector<std::string> args, const std::string* database,
                                      DatabaseClient what) {
  what.argv = {programs_ + "/" + program};
  what.argv.insert(what.argv.end(), args.begin(), args.end());
  what.env = {"LC_ALL=C.UTF-8", "HOME=/"};
  if (database == nullptr) return run_client(*context_, what);
  // Through the environment each value is a value; in a connection string it would have to be quoted (libpq, "Environment
  // Variables").
  const policy::Postgres& s = *settings_;
  for (const auto& [name, value] : {std::pair<std::string_view, std::string>{"PGHOST", s.host},
                                    {"PGPORT", std::to_string(s.port)},
                                    {"PGUSER", s.user},
                                    {"PGDATABASE", database->empty() ? s.database : *database},
                                    {"PGSSLMODE", s.sslmode},
                                    {"PGSSLROOTCERT", s.sslrootcert},
                                    {"PGPASSFILE", passfile_.bytes.empty() ? "" : secret_file},
                                    {"PGAPPNAME", "backupctl"},
                                    {"PGCONNECT_TIMEOUT", std::to_string(connect_seconds)}})
    if (!value.empty()) what.env.push_back(fmt::format("{}={}", name, value));
  what.network = socket_.empty();
  what.socket = socket_;
  if (!passfile_.bytes.empty()) what.secret = &passfile_;
  if (!s.sslrootcert.empty()) what.certificates.push_back(s.sslrootcert);
  return run_client(*context_, what);
}

Error PostgresClient::error(const ClientRun& run, const std::string& doing, const std::string& state) const {
  const std::string said = telling(run.words);
  if (is_missing(run))
    return {Exit::bad_config, fmt::format("cannot {} {}: there is no such database ({}); {}", doing, *service_, said, state)};
  // What the server said of its own comes in one line with what the connection came to.
  for (const Hint& hint : hints)
    for (const std::string& line : run.words)
      if (line.find(hint.part) != std::string::npos)
        return {hint.exit, fmt::format("cannot {} {}: {} ({}); {}", doing, *service_, hint.words, line, state)};
  if (run.status > 128)
    return {Exit::unavailable, fmt::format("cannot {} {}: {} was ended by signal {}; {}", doing, *service_,
                                           "PostgreSQL's program", run.status - 128, state)};
  return {Exit::unavailable, fmt::format("cannot {} {}: {}; {}", doing, *service_, said, state)};
}

bool PostgresClient::is_missing(const ClientRun& run) {
  return run.status != 0 && std::ranges::any_of(run.words, [](const std::string& line) {
           return line.find("FATAL:") != std::string::npos && line.find("database \"") != std::string::npos &&
                  line.ends_with("does not exist");
         });
}

}  // namespace backupctl::step
