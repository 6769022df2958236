#include "client/command_line.h"

#include <CLI/CLI.hpp>

#include "common/escape.h"

namespace backupctl::client {
namespace {

/// What --help says of each verb, in the enum's order.
constexpr std::array<const char*, verb_count> descriptions = {
    "stop a service",
    "start a service again",
    "mirror a service's data",
    "archive a service's data, on ARCHIVE_WEEKDAY only (other days: 75)",
    "mirror an extra target",
    "take a local snapshot of a service, with a short stop",
    "do all that a night needs for a service",
    "check a service's newest (or named) backup on the remote",
    "write a service's snapshot to standard output, as a tar",
    "state of the gate or of a service",
    "services and targets, or a service's backups",
    "print this program's version, and the gate's if BACKUP_HOST is set",
};

constexpr const char* footer =
    "Environment: BACKUP_HOST, BACKUP_SSH_KEY, BACKUP_KNOWN_HOSTS and others, see backup-client(1).\n"
    "Exit codes: 0 done, 64 bad command line, 65 data did not verify, 69 unavailable, 74 I/O or disk full, 75 skipped, 77 "
    "refused,\n"
    "78 bad configuration, 124 timed out.";

}  // namespace

Result<Asked> parse_command_line(int argc, const char* const* argv) {
  Asked asked;
  CommandLine& line = asked.line;
  CLI::App app("Asks a host's backup gate over ssh to back a service up.", "backup-client");
  app.footer(footer);
  auto* verbs = app.add_option_group("Verbs", "Exactly one of:");
  std::array<CLI::Option*, verb_count> verb_options{};
  for (const VerbInfo& row : verb_table()) {
    const auto index = static_cast<std::size_t>(row.verb);
    const std::string word(row.word);
    auto*& option = verb_options[index];
    if (row.name == NameKind::none) {
      option = verbs->add_flag(word, descriptions[index]);
    } else {
      option =
          verbs->add_option(word, line.name, descriptions[index])->type_name(row.name == NameKind::target ? "TARGET" : "NAME");
      if (row.name == NameKind::optional_service) option->expected(0, 1);
    }
  }
  auto* run =
      verbs->add_option("--run", line.name, "stop, sync, archive when due, start whatever happened before")->type_name("NAME");
  auto* sqlite = verbs
                     ->add_option("--sqlite-snapshot", line.databases,
                                  "copy a SQLite database in use, here in this container; no host is asked")
                     ->type_name("[SOURCE DESTINATION]")
                     ->expected(0, 2);
  app.add_option("--path", line.path, "data directory the policy must name")->type_name("PATH");
  app.add_option("--remote", line.remote, "remote the policy must name")->type_name("REMOTE:FOLDER");
  app.add_option("--keep-weekly", line.keep_weekly, "weekly archives to keep")->type_name("N");
  app.add_option("--keep-monthly", line.keep_monthly, "monthly archives to keep")->type_name("N");
  app.add_option("--timeout", line.timeout, "time the gate may take, queueing included")->type_name("SECONDS");
  app.add_option("--snapshot-id", line.snapshot_id, "backup to verify or export")->type_name("YYYYMMDD-HHMMSS");
  app.add_option("--to", line.to, "with --export: receive it into this directory, verified")->type_name("DIR");
  app.add_option("--keep", line.keep, "with --to: whole snapshots that stay there")->type_name("N");
  app.add_flag("--json", line.json, "one JSON object a line");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    asked.help = app.help();
    return asked;
  } catch (const CLI::ParseError& error) {
    return fail(Exit::not_a_request, "{}; see --help", escape_line(error.what(), 300));
  }
  line.run = run->count() > 0;
  line.sqlite = sqlite->count() > 0;
  if (line.sqlite && line.databases.size() == 1 && line.databases[0].empty()) line.databases.clear();
  if (line.databases.size() == 1)
    return fail(Exit::not_a_request, "--sqlite-snapshot needs a source and a destination, or neither; see --help");
  std::size_t given = (line.run ? 1U : 0U) + (line.sqlite ? 1U : 0U);
  for (const VerbInfo& row : verb_table()) {
    if (verb_options[static_cast<std::size_t>(row.verb)]->count() == 0) continue;
    line.verb = row.verb;
    ++given;
  }
  if (given != 1)
    return fail(Exit::not_a_request, "exactly one verb is needed, such as --status, and {} are given; see --help", given);
  return asked;
}

}  // namespace backupctl::client
