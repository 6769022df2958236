#include "gate/remote/rclone.h"

#include "gate/remote/names.h"
#include "gate/sandbox/helper.h"

namespace backupctl::remote {
namespace {

// Azure's own library tries each request four times, for three quarters of a minute; times ours that would be a quarter of an
// hour for a remote that is down.
constexpr std::string_view azure_call[] = {"--retries", "1", "--low-level-retries", "1"};

// Said to every call. Two tries are enough for a slip of the network; what a longer trouble needs is the next run, not a
// service that stays down while rclone tries. --timeout is that of an idle connection: OneDrive thinks for minutes before it
// answers the last piece of a large file.
constexpr std::string_view every_call[] = {
    "--use-json-log",
    "--stats-log-level",
    "NOTICE",
    "--retries",
    "2",
    "--retries-sleep",
    "3s",
    "--low-level-retries",
    "5",
    "--contimeout",
    "15s",
    "--timeout",
    "5m",
};

// --links: without it symbolic links are skipped, exit 0. --delete-after is rclone's default, said because D3 counts on it:
// nothing is deleted before everything new is there, and nothing at all after an error.
constexpr std::string_view every_mirror[] = {"--links", "--create-empty-src-dirs"};

// --use-server-modtime: the time of upload, which each change moves on and a listing tells; rclone's own in the metadata costs
// a request for each object, and whoever may write there can set it. No --links: it would make a link of what a key's ending
// says.
// A download says the time in whole seconds (Last-Modified), MinIO's listing finer.
constexpr std::string_view every_bucket[] = {"--use-server-modtime", "--modify-window", "1s"};

/// rclone's filter rules for these, what lies beneath them, and nothing else; none for all.
std::vector<std::string> only(std::span<const std::string> prefixes) {
  std::vector<std::string> flags;
  for (const std::string& prefix : prefixes) {
    std::string pattern;
    for (const char c : prefix) {
      if (std::string_view("*?[]{}\\").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
    flags.insert(flags.end(), {"--filter", "+ /" + pattern, "--filter", "+ /" + pattern + "/**"});
  }
  if (!flags.empty()) flags.insert(flags.end(), {"--filter", "- **"});
  return flags;
}

/// Azure wants its own spelling, "Cool", and rclone 1.60.1 passes on what it is given.
std::string azures_word(std::string_view tier) {
  std::string word(tier);
  if (!word.empty()) word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

template <class Words>
void append(std::vector<std::string>& argv, const Words& words) {
  argv.insert(argv.end(), std::begin(words), std::end(words));
}

}  // namespace

Command::~Command() {
  for (std::string& variable : env) vault::wipe(variable);
}

Rclone::Rclone(const policy::Remote& remote, bool with_config)
    : layout_(remote),
      section_(remote.directory.empty() && remote.env_file.empty()),
      config_(section_ || with_config),
      tier_(remote.access_tier) {}

Result<Rclone> Rclone::open(const policy::Remote& remote, bool with_config) {
  Rclone rclone(remote, with_config);
  if (!remote.env_file.empty()) {
    auto account = read_env_file(remote.env_file, remote.root);
    if (!account) return pass(account.error());
    rclone.azure_.emplace(std::move(*account));
  }
  return rclone;
}

Command Rclone::command(std::string_view verb, std::vector<std::string> operands, bool progress) const {
  Command built;
  built.argv = {rclone_program, std::string(verb)};
  append(built.argv, every_call);
  if (azure_) append(built.argv, azure_call);
  append(built.argv, std::vector<std::string>{"--stats", progress ? "1s" : "0"});
  // What is put into the archive at once could not be verified.
  if (!tier_.empty() && tier_ != archive_tier)
    append(built.argv, std::vector<std::string>{"--azureblob-access-tier", azures_word(tier_)});
  // Whatever an operand looks like, it is none of the options.
  built.argv.emplace_back("--");
  append(built.argv, operands);

  // No PATH: rclone is to find no program. netdns=go: the C library's resolver would load modules and ask local sockets (X3).
  // TCELL_MINIMIZE: or the library of its file browser builds a table at each start, for half of the time that a start takes.
  built.env = {"HOME=/", "GODEBUG=netdns=go", "RCLONE_ASK_PASSWORD=false", "TCELL_MINIMIZE=1"};
  if (config_) {
    // The one directory that it may write; its save renames there. An empty RCLONE_CONFIG keeps the configuration in memory.
    built.env.push_back(std::string("TMPDIR=") + sandbox::config_dir);
    built.env.push_back(std::string("RCLONE_CONFIG=") + sandbox::config_dir + "/rclone.conf");
  } else {
    built.env.emplace_back("RCLONE_CONFIG=");
  }
  if (azure_) {
    // rclone 1.60.1 ignores AZURE_STORAGE_*.
    built.env.emplace_back("RCLONE_CONFIG_AZURE_TYPE=azureblob");
    built.env.push_back("RCLONE_AZUREBLOB_ACCOUNT=" + azure_->account);
    built.env.push_back("RCLONE_AZUREBLOB_KEY=" + azure_->key.bytes);
  }
  return built;
}

Command Rclone::mirror(std::string_view verb, const Mirror& mirror) const {
  Command built = command(verb, {mirror.from, mirror.to}, true);
  std::vector<std::string> flags;
  append(flags, mirror.bucket ? std::span<const std::string_view>(every_bucket) : every_mirror);
  append(flags, only(mirror.prefixes));
  if (!mirror.history.empty()) append(flags, std::vector<std::string>{"--backup-dir", mirror.history});
  for (const std::string& pattern : mirror.exclude) append(flags, std::vector<std::string>{"--exclude", pattern});
  if (mirror.hot) flags.emplace_back("--local-no-check-updated");
  built.argv.insert(built.argv.begin() + 2, flags.begin(), flags.end());
  return built;
}

Command Rclone::sync(const Mirror& wanted) const {
  Command built = mirror("sync", wanted);
  built.argv.insert(built.argv.begin() + 2, "--delete-after");
  if (wanted.most_deleted) built.argv.insert(built.argv.begin() + 2, "--max-delete=" + std::to_string(*wanted.most_deleted));
  return built;
}

Command Rclone::dry_run(const Mirror& wanted, std::span<const std::string_view> flags, std::string_view spare) const {
  Command built = sync(wanted);
  std::vector<std::string> counting(flags.begin(), flags.end());
  counting.emplace_back(spare);
  // The last of two equal options holds: these come after the sync's own.
  built.argv.insert(built.argv.end() - 3, counting.begin(), counting.end());
  return built;
}

Command Rclone::refresh(const Mirror& wanted, bool by_hash) const {
  Command built = mirror("copy", wanted);
  const std::vector<std::string> flags =
      by_hash ? std::vector<std::string>{"--checksum"} : std::vector<std::string>{"--update", "--use-server-modtime"};
  built.argv.insert(built.argv.begin() + 2, flags.begin(), flags.end());
  return built;
}

Command Rclone::copy_changed(const Mirror& wanted, std::string_view compare) const {
  Command built = mirror("copy", wanted);
  if (!compare.empty()) built.argv.insert(built.argv.begin() + 2, {"--compare-dest", std::string(compare)});
  return built;
}

Command Rclone::copy_into_bucket(const Mirror& wanted) const {
  Command built = mirror("copy", wanted);
  // An object that is the same already stays what it is, its times too.
  built.argv.insert(built.argv.begin() + 2, "--no-update-modtime");
  return built;
}

Command Rclone::check(const Mirror& wanted) const {
  Command built = mirror("check", wanted);
  built.argv.insert(built.argv.begin() + 2, "--one-way");
  return built;
}

Command Rclone::list(std::string_view directory, bool sha256) const {
  Command built = command("lsjson", {std::string(directory)}, false);
  std::vector<std::string> flags = {"--no-mimetype"};
  if (sha256) append(flags, std::vector<std::string>{"--hash", "--hash-type", "sha256"});
  built.argv.insert(built.argv.begin() + 2, flags.begin(), flags.end());
  return built;
}

Command Rclone::copy_file(std::string_view from, std::string_view to) const {
  Command built = command("copyto", {std::string(from), std::string(to)}, true);
  // Where a remote keeps no times, a leftover of the same size would be taken for the file itself (D1).
  built.argv.insert(built.argv.begin() + 2, "--ignore-times");
  return built;
}

Command Rclone::copy_files(std::string_view from, std::string_view to) const {
  Command built = command("copy", {std::string(from), std::string(to)}, true);
  // --check-first, because only a whole list can be ordered (rclone.org/docs, --order-by).
  for (const char* flag : {"--order-by=size,ascending", "--check-first", "--transfers=1", "--ignore-times"})
    built.argv.insert(built.argv.begin() + 2, flag);
  return built;
}

Command Rclone::copy_tree(std::string_view from, std::string_view to, std::int64_t most_bytes) const {
  Command built = command("copy", {std::string(from), std::string(to)}, true);
  // A directory remote keeps links as links: --skip-links says nothing of them. Bytes are said without a unit as "B".
  const std::vector<std::string> flags = {"--skip-links", "--max-transfer", std::to_string(most_bytes) + "B", "--ignore-times"};
  built.argv.insert(built.argv.begin() + 2, flags.begin(), flags.end());
  return built;
}

Command Rclone::cat(std::string_view file) const { return command("cat", {std::string(file)}, true); }

Command Rclone::move_file(std::string_view from, std::string_view to) const {
  Command built = command("moveto", {std::string(from), std::string(to)}, false);
  built.argv.insert(built.argv.begin() + 2, "--ignore-times");
  return built;
}

Command Rclone::delete_file(std::string_view file) const { return command("deletefile", {std::string(file)}, false); }

Command Rclone::purge(std::string_view directory) const { return command("purge", {std::string(directory)}, false); }

Command Rclone::set_tier(std::string_view tier, std::string_view file) const {
  return command("settier", {azures_word(tier), std::string(file)}, false);
}

Command Rclone::about() const {
  Command built = command("about", {layout_.at("")}, false);
  built.argv.insert(built.argv.begin() + 2, "--json");
  return built;
}

}  // namespace backupctl::remote
