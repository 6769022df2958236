#include "gate/step/postgres_client.h"

#include <unistd.h>

#include <algorithm>

#include "common/io.h"
#include "gate/sandbox/helper.h"
#include "gate/step/helpers.h"

namespace backupctl::step {
namespace {

constexpr int connect_seconds = 20;

// A right is not needed for it.
constexpr const char* version_script =
    "SELECT 'version', pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000;\n";

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

/// What pg_restore says of a dump that is of a newer pg_dump (pg_backup_archiver.c).
constexpr std::string_view unsupported = "unsupported version (";

/// What libpq and the server say (PostgreSQL 12 to 17), and what it means.
struct Hint {
  std::string_view part;
  Exit exit;
  std::string_view words;
};
constexpr std::string_view lacks_a_right =
    "the user of postgres.user lacks a right (a backup wants pg_read_all_data, a restore the tables' owner or a superuser)";
constexpr Hint hints[] = {
    {"password authentication failed", Exit::unavailable,
     "the server does not accept the user or the password (put the right one into postgres.password_file)"},
    {"no password supplied", Exit::bad_config, "the server wants a password, and the policy names no postgres.password_file"},
    {"Peer authentication failed", Exit::bad_config,
     "the server takes the name of the Unix account for the password on its socket, which backupctl has none of (let "
     "pg_hba.conf take a password for this user)"},
    {"no pg_hba.conf entry", Exit::bad_config, "the server's pg_hba.conf does not let this user in from here"},
    {"\"transaction_timeout\"", Exit::bad_config,
     "this host's pg_restore is of PostgreSQL 17 or later, and older servers do not know what it says (install the "
     "postgresql-client of the server's version)"},
    {"other objects depend on it", Exit::unavailable,
     "something that was made since refers to what would be exchanged (drop it, or restore into another database with --into)"},
    {"server version mismatch", Exit::bad_config,
     "the server is newer than this host's programs (install the postgresql-client of its version)"},
    {"No space left on device", Exit::io_error, "a disk is full"},
    {"could not write to output file", Exit::io_error, "the spool could not be written"},
    {"permission denied", Exit::bad_config, lacks_a_right},
    {"must be owner of", Exit::bad_config, lacks_a_right},
    {"must be member of role", Exit::bad_config, lacks_a_right},
    {"cannot truncate a table referenced in a foreign key constraint", Exit::unavailable,
     "other tables refer to it (restore it with --into and copy its rows, or restore the whole database)"},
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
  client.programs_ = choose_programs(0);
  if (auto program = open_trusted_program(client.programs_.directory + "/pg_dump"); !program)
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
  auto ran = run_once(program, args, database, what);
  // A dump that newer programs of this host made is read by these alone, whatever the server is; it was refused by its head.
  const PostgresPrograms newest = choose_programs(0);
  if (!ran || ran->status == 0 || newest.version <= programs_.version ||
      std::ranges::none_of(ran->words, [](const std::string& line) { return line.find(unsupported) != std::string::npos; }) ||
      ::lseek(what.in, 0, SEEK_SET) != 0)
    return ran;
  programs_ = newest;
  return run_once(program, args, database, what);
}

Result<ClientRun> PostgresClient::run_once(const std::string& program, const std::vector<std::string>& args,
                                           const std::string* database, DatabaseClient what) {
  what.argv = {programs_.directory + "/" + program};
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

std::vector<std::string> PostgresClient::psql_args(std::vector<std::string> more) {
  // Terse: what the server quotes of a statement may hold the password of a role (X7).
  std::vector<std::string> args = {"--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse"};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

Result<ClientRun> PostgresClient::ask(const std::string& database, const std::string& script,
                                      std::vector<std::string> variables, monitor::Job::OnRecord on_record) {
  const auto in = memory_file(own_names_alone + script);
  if (!in) return pass(in.error());
  std::vector<std::string> args = psql_args({"--no-align", "--tuples-only", "--field-separator=\t"});
  args.insert(args.end(), variables.begin(), variables.end());
  return run("psql", std::move(args), &database,
             {.in = in->get(), .listener = {"query-rows"}, .on_record = std::move(on_record)});
}

Result<> PostgresClient::meet(const std::string& doing, const std::string& state) {
  const auto version_of = [&](const std::string& database) {
    return ask(database, version_script, {}, [&](const Record& record) {
      if (record.kind == Record::Kind::entry) server_ = static_cast<int>(record.number[0]);
      return record.kind == Record::Kind::entry;
    });
  };
  auto asked = version_of({});
  // A server says in its own language that there is no such database.
  if (asked && asked->status != 0)
    if (const auto other = version_of(maintenance_database); !other || other->status == 0) asked = other;
  if (!asked) return pass(asked.error());
  if (asked->status != 0) return tl::make_unexpected(error(*asked, doing, state));
  programs_ = choose_programs(server_);
  return {};
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
