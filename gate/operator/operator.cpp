#include "gate/operator/operator.h"

#include <unistd.h>

#include <algorithm>

#include "common/io.h"
#include "gate/config/policy_file.h"
#include "version.h"

namespace backupctl::operate {
namespace {

struct Command {
  std::string_view word;
  std::string_view arguments;
  std::string_view purpose;
  bool needs_root;
  Exit (*run)(const std::string& policy_path, const Args& args);
};
constexpr Command commands[] = {
    {"--restore", "NAME [--archive DATE|latest [--only PATH…] | --mirror] [--remote REMOTE] [--to DIR] [--yes]",
     "verify a backup and put it in place, with a way back, or into an empty directory", true, restore},
    {"--restore", "NAME [--snapshot-id ID|latest] [--from local|REMOTE|DIR] [--yes]",
     "the same of a service of volumes, on the host that took the snapshot or another one", true, restore},
    {"--restore", "NAME [--archive DATE|latest] [--into DATABASE] [--table TABLE] [--with-clients] [--remote REMOTE] [--yes]",
     "the same of a database, in one transaction; into another one, or one table alone", true, restore},
    {"--restore-commit", "NAME", "give up the old files that a restore in place has kept", true, restore_commit},
    {"--restore-rollback", "NAME", "put the old files back in place", true, restore_rollback},
    {"--recover-plan", "NAME [--dry-run] [--from STEP] [--yes]",
     "restore several services in the policy's order, and start what needs them; run again, it goes on where it ended", true,
     recover_plan},
    {"--drill", "NAME|--all [--scratch DIR]", "rehearse a restore of the newest backup, and keep a signed record of it", true,
     drill},
    {"--adopt", "NAME [--remote REMOTE]", "take over archives that an earlier script left on the remotes without a manifest",
     true, adopt},
    {"--recover", "[--files]", "start the stopped services whose time is over, after a reboot or by a timer", true, recover},
    {"--guardian", "NAME", "watch a stopped service until it runs again; the gate starts it by itself", true, guardian},
    {"--check", "[NAME…] [--json] [--warn-age 8d] [--crit-age 15d] …",
     "tell a monitoring system whether backups are as they should be (0, 1, 2, 3)", false, check},
    {"--check-policy", "[FILE]", "check the policy, and what it names on this host", false, check_policy},
    {"--explain", "'REQUEST' [--client NAME]", "say how a request would be decided, and by which rule", false, explain},
    {"--preview-retention", "[--service NAME] --keep-weekly N --keep-monthly M …",
     "say which of the names on standard input would go", false, preview_retention},
    {"--verify-journal", "", "check the journal's hash chain", true, verify_journal},
};

Exit help() {
  std::string text =
      "backupctl, the host's backup gate. As root, on the host:\n\n"
      "  backupctl [--policy FILE] VERB [NAME] [OPTION…]      the verbs a client has, see backupctl(8):\n"
      "      --stop --snapshot --sync --archive [--replace] --start --backup [--replace] --sync-extra --verify --export "
      "--status --list\n"
      "      --version\n";
  for (const Command& command : commands)
    text += fmt::format("  backupctl {} {}\n      {}\n", command.word, command.arguments, command.purpose);
  text += "\nClients come in through sshd and sudo: backupctl --ssh-gate [--client NAME]\n";
  static_cast<void>(write_all(1, text));
  return Exit::done;
}

}  // namespace

Exit complain(const Error& error) {
  static_cast<void>(write_all(2, fmt::format("backupctl: {}\n", error.sentence)));
  return error.exit;
}

int main(const std::vector<std::string>& given) {
  Args args = given;
  std::string policy_path = config::default_policy;
  if (args.size() >= 2 && args[0] == "--policy") {
    policy_path = args[1];
    args.erase(args.begin(), args.begin() + 2);
  }
  if (!policy_path.starts_with('/')) return to_status(complain({Exit::not_a_request, "--policy wants an absolute path"}));
  if (args.empty() || args[0] == "--help" || args[0] == "-h") return to_status(help());
  if (args.size() == 1 && args[0] == "--version") {
    static_cast<void>(write_all(1, fmt::format("backupctl {}\n", version_text)));
    return 0;
  }
  const auto found =
      std::find_if(std::begin(commands), std::end(commands), [&](const Command& row) { return row.word == args[0]; });
  const bool needs_root = found == std::end(commands) || found->needs_root;
  if (needs_root && ::geteuid() != 0)
    return to_status(complain({Exit::not_permitted, fmt::format("{} must be run as root; nothing was done", args[0])}));
  // Relative names are the caller's where a file of his own is read, and nothing else is.
  if (needs_root && ::chdir("/") != 0) return to_status(Exit::bug);
  if (found == std::end(commands)) return to_status(run_verb(policy_path, args));
  return to_status(found->run(policy_path, Args(args.begin() + 1, args.end())));
}

}  // namespace backupctl::operate
