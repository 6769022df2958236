#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <ctime>

#include "client/archive_day.h"
#include "client/command_line.h"
#include "client/compose.h"
#include "client/environment.h"
#include "client/pull.h"
#include "client/secret.h"
#include "client/session.h"
#include "client/ssh.h"
#include "common/sqlite_copy.h"

namespace backupctl::client {
namespace {

int end_with(const Error& error) {
  say(error.sentence);
  return to_status(error.exit);
}

/// No core dump may hold the key. 1, not 0: a piped core_pattern ignores 0 (core(5)).
void forbid_core_dumps() {
  const rlimit one{1, 1};
  ::setrlimit(RLIMIT_CORE, &one);
}

Result<Session> open_session(const Environment& environment, Signals& signals) {
  auto host = parse_host(environment("BACKUP_HOST"));
  if (!host) return pass(host.error());
  auto ssh = find_ssh(environment("PATH"));
  if (!ssh) return pass(ssh.error());
  auto credentials = load_credentials(environment, *host);
  wipe_variable("BACKUP_SSH_KEY");
  if (!credentials) return pass(credentials.error());
  for (const auto& warning : credentials->warnings) say(fmt::format("warning: {}", warning));
  return Session(*host, std::move(*credentials), *ssh, ssh_environment(::environ), signals);
}

Result<Night> compose_night(const CommandLine& line, const Environment& environment, bool due) {
  Night night;
  auto stop = compose(Verb::stop, line, environment);
  if (!stop) return pass(stop.error());
  auto sync = compose(Verb::sync, line, environment);
  if (!sync) return pass(sync.error());
  auto archive = compose(Verb::archive, line, environment);
  if (!archive) return pass(archive.error());
  auto start = compose(Verb::start, line, environment);
  if (!start) return pass(start.error());
  night = {*stop, *sync, std::nullopt, *start};
  if (due) night.archive = *archive;
  return night;
}

int run(const CommandLine& line, const Environment& environment, Signals& signals) {
  const auto due = archive_due(environment, std::time(nullptr));
  if (!due) return end_with(due.error());
  const auto night = compose_night(line, environment, *due);
  if (!night) return end_with(night.error());
  auto session = open_session(environment, signals);
  if (!session) return end_with(session.error());
  const World world{
      [&](const Request& request, const std::string& label, bool finish) { return session->send(request, label, finish); },
      [](const std::string& sentence) { say(sentence); }, [] { ::sleep(5); }};
  return run_night(*night, world);
}

/// @return 0: all stay
Result<std::size_t> number_to_keep(const CommandLine& line) {
  if ((line.to || line.keep) && (line.run || line.verb != Verb::export_))
    return fail(Exit::not_a_request, "--to and --keep belong to --export, so nothing was sent");
  if (line.keep && !line.to) return fail(Exit::not_a_request, "--keep needs --to, so nothing was sent");
  std::size_t keep = 0;
  if (!line.keep) return keep;
  const char* const end = line.keep->data() + line.keep->size();
  const auto [stop, code] = std::from_chars(line.keep->data(), end, keep);
  if (code != std::errc{} || stop != end || keep == 0 || keep > 999'999)
    return fail(Exit::not_a_request, "--keep wants a number from 1 to 999999, so nothing was sent");
  return keep;
}

/// @param keep  of a pull
int ask(const CommandLine& line, const Environment& environment, Signals& signals, std::size_t keep) {
  const auto request = compose(*line.verb, line, environment);
  if (!request) return end_with(request.error());
  if (request->verb == Verb::version) {
    Relay(STDOUT_FILENO, {}).pass("backup-client " BACKUPCTL_VERSION "\n");
    if (environment("BACKUP_HOST").empty()) return 0;
  }
  if (request->verb == Verb::archive) {
    const auto due = archive_due(environment, std::time(nullptr));
    if (!due) return end_with(due.error());
    if (!*due) {
      say("skipped: today is not the archive's day (ARCHIVE_WEEKDAY); nothing was sent");
      return to_status(Exit::skipped);
    }
  }
  auto session = open_session(environment, signals);
  if (session && line.to) return pull(*session, {*request, *line.to, keep});
  return session ? session->send(*request).status : end_with(session.error());
}

/// How long a lock on a database is waited for.
constexpr std::chrono::seconds lock_patience{60};

/// The scheduler's own database, from inside its container.
int snapshot_sqlite(const CommandLine& line, const Environment& environment) {
  std::string source, destination;
  if (line.databases.empty()) {
    const std::string_view set = environment("LIGHTFLOW_DATA_DIR");
    const std::string data(set.empty() ? "/data" : set);
    source = data + "/lightflow.db";
    destination = data + "/backup/lightflow.db";
    ::mkdir((data + "/backup").c_str(), 0700);
  } else {
    source = line.databases[0];
    destination = line.databases[1];
  }
  const auto bytes = copy_sqlite(source, destination, lock_patience);
  if (!bytes) return end_with(bytes.error());
  say(fmt::format("copied {} to {}, {} bytes, integrity checked", source, destination, *bytes));
  return 0;
}

}  // namespace
}  // namespace backupctl::client

int main(int argc, char** argv) {
  using namespace backupctl;
  using namespace backupctl::client;
  forbid_core_dumps();
  const auto asked = parse_command_line(argc, argv);
  if (!asked) return end_with(asked.error());
  if (!asked->help.empty()) {
    Relay(STDOUT_FILENO, {}).pass(asked->help);
    return 0;
  }
  if (asked->line.sqlite) return snapshot_sqlite(asked->line, process_environment());
  const auto keep = number_to_keep(asked->line);
  if (!keep) return end_with(keep.error());
  auto signals = Signals::take();
  if (!signals) return end_with(signals.error());
  const Environment environment = process_environment();
  return asked->line.run ? run(asked->line, environment, *signals) : ask(asked->line, environment, *signals, *keep);
}
