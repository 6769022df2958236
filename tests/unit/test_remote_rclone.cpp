#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gate/relay/dry_run.h"
#include "gate/remote/exit_status.h"
#include "gate/remote/rclone.h"

using namespace backupctl;
using remote::Command;
using remote::Mirror;
using remote::Rclone;

namespace {

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

/// The word after `flag`; of several the last, as rclone reads them.
std::string after(const std::vector<std::string>& words, const std::string& flag) {
  const auto found = std::find(words.rbegin(), words.rend(), flag);
  return found == words.rend() || found == words.rbegin() ? "" : *(found - 1);
}

policy::Remote onedrive() {
  policy::Remote remote;
  remote.name = "onedrive";
  remote.root = "/OdroidBackup";
  return remote;
}

/// Runs a command with its standard output in a file. @return rclone's exit status.
int run(const Command& command, const std::string& out) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<char*> argv, env;
    for (const std::string& word : command.argv) argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& word : command.env) env.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    env.push_back(nullptr);
    const int fd = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(::open((out + ".err").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 2);
    ::execve(argv[0], argv.data(), env.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a mirror keeps links and empty directories, and what it replaces") {
  const Rclone rclone = Rclone::open(onedrive()).value();
  CHECK(rclone.needs_config());
  const std::vector<std::string> exclude = {"cache/**", "-x"};
  const Command sync =
      rclone.sync({"/source", rclone.layout().data("n8n"), rclone.layout().history("n8n", "2026-01-02"), exclude});
  CHECK(sync.argv[0] == "/usr/bin/rclone");
  CHECK(sync.argv[1] == "sync");
  for (const char* flag : {"--links", "--create-empty-src-dirs", "--delete-after", "--use-json-log"})
    CHECK(has(sync.argv, flag));
  CHECK(after(sync.argv, "--backup-dir") == "onedrive:/OdroidBackup/n8n/history/2026-01-02");
  CHECK(after(sync.argv, "--exclude") == "-x");
  CHECK(after(sync.argv, "--stats") == "1s");
  CHECK(std::vector<std::string>(sync.argv.end() - 3, sync.argv.end()) ==
        std::vector<std::string>{"--", "/source", "onedrive:/OdroidBackup/n8n/data"});
  CHECK_FALSE(has(sync.argv, "--local-no-check-updated"));
  CHECK_FALSE(has(rclone.sync({"/source", "x:", "", {}}).argv, "--backup-dir"));
}

TEST_CASE("a bucket is mirrored as objects, of its prefixes alone, and restored without deleting") {
  policy::Remote disk = onedrive();
  disk.directory = "/mnt";
  const Rclone rclone = Rclone::open(disk, true).value();
  CHECK(has(rclone.about().env, "RCLONE_CONFIG=/config/rclone.conf"));  // the source's section, though a directory needs none
  const std::vector<std::string> prefixes = {"briefs", "odd [x]/*\\"};
  const Mirror mirror{.from = "minio:kohakku", .to = "/target/b/data", .bucket = true, .prefixes = prefixes};
  const Command sync = rclone.sync(mirror);
  for (const char* flag : {"--use-server-modtime", "+ /briefs", "+ /briefs/**", "+ /odd \\[x\\]/\\*\\\\/**", "--delete-after"})
    CHECK(has(sync.argv, flag));
  CHECK(after(sync.argv, "--filter") == "- **");
  CHECK_FALSE(has(sync.argv, "--links"));  // X5: what a key is called makes no link
  CHECK_FALSE(has(rclone.sync({.from = "minio:kohakku", .to = "/target", .bucket = true}).argv, "--filter"));
  CHECK(after(rclone.copy_changed(mirror, "/target/c").argv, "--compare-dest") == "/target/c");
  CHECK_FALSE(has(rclone.copy_changed(mirror, "").argv, "--compare-dest"));
  CHECK(rclone.copy_into_bucket(mirror).argv[1] == "copy");
  CHECK(has(rclone.refresh(mirror, true).argv, "--checksum"));
}

TEST_CASE("D3: a dry run's flags come after the sync's own") {
  const Rclone rclone = Rclone::open(onedrive()).value();
  const Command dry = rclone.dry_run({"/source", "x:data", "x:history", {}}, relay::dry_run_flags, "x:spare");
  CHECK(has(dry.argv, "--dry-run"));
  CHECK(after(dry.argv, "--backup-dir") == "x:spare");
  CHECK(after(dry.argv, "--retries") == "1");
}

TEST_CASE("X4: a built environment; the account's key in it alone, never in argv") {
  const Command plain = Rclone::open(onedrive()).value().about();
  CHECK(plain.env == std::vector<std::string>{"HOME=/", "GODEBUG=netdns=go", "RCLONE_ASK_PASSWORD=false", "TCELL_MINIMIZE=1",
                                              "TMPDIR=/config", "RCLONE_CONFIG=/config/rclone.conf"});
  const std::string base = "/var/lib/backupctl-test-remote";
  std::filesystem::create_directory(base);
  std::ofstream(base + "/env") << "AZURE_STORAGE_ACCOUNT=acc\nAZURE_STORAGE_KEY=SGFzaA==\nAZURE_STORAGE_CONTAINER=box\n";
  std::filesystem::permissions(base + "/env", std::filesystem::perms(0600));
  policy::Remote azure = onedrive();
  azure.root = "box";
  azure.env_file = base + "/env";
  azure.access_tier = "cool";
  const Rclone rclone = Rclone::open(azure).value();
  const Command upload = rclone.copy_file("/spool/a", rclone.layout().archive("s", "a"));
  CHECK_FALSE(rclone.needs_config());
  CHECK(has(upload.env, "RCLONE_AZUREBLOB_KEY=SGFzaA=="));
  CHECK(has(upload.env, "RCLONE_CONFIG="));
  CHECK(after(upload.argv, "--azureblob-access-tier") == "Cool");
  for (const std::string& word : upload.argv) CHECK(word.find("SGFzaA") == std::string::npos);
  std::filesystem::permissions(base + "/env", std::filesystem::perms(0644));
  CHECK(Rclone::open(azure).error().exit == Exit::bad_config);
  std::filesystem::remove_all(base);
}

TEST_CASE("the real rclone understands every command") {
  const std::string base = "/var/lib/backupctl-test-rclone";
  std::filesystem::remove_all(base);
  std::filesystem::create_directories(base + "/src/empty");
  std::ofstream(base + "/src/file") << "one";
  std::ofstream(base + "/src/-odd") << "two";
  std::filesystem::create_symlink("file", base + "/src/link");
  policy::Remote disk = onedrive();
  disk.directory = base;
  const Rclone rclone = Rclone::open(disk).value();
  const std::string out = base + "/out";
  Mirror mirror{base + "/src", base + "/dst/data", base + "/dst/history/d", {}};

  CHECK(run(rclone.dry_run(mirror, relay::dry_run_flags, base + "/dst/spare"), out) == 0);
  CHECK_FALSE(std::filesystem::exists(base + "/dst"));
  CHECK(run(rclone.sync(mirror), out) == 0);
  CHECK(read(base + "/dst/data/-odd") == "two");
  CHECK(std::filesystem::is_symlink(base + "/dst/data/link"));
  CHECK(std::filesystem::is_directory(base + "/dst/data/empty"));
  CHECK(read(out + ".err").find("\"stats\"") != std::string::npos);

  // D3: no more is deleted than allowed, all that is new is there, and the figures tell why it failed.
  mirror.most_deleted = 1;
  for (const char* name : {"/dst/data/x", "/dst/data/y", "/dst/data/z", "/src/new"}) std::ofstream(base + name) << name;
  CHECK(run(rclone.sync(mirror), out) == 7);
  CHECK(read(out + ".err").find("\"deletes\":1,") == std::string::npos);
  CHECK(std::filesystem::exists(base + "/dst/data/new"));
  int kept = 0;
  for (const char* name : {"x", "y", "z"}) kept += std::filesystem::exists(base + "/dst/data/" + name) ? 1 : 0;
  CHECK(kept == 2);
  mirror.most_deleted = 2;
  CHECK(run(rclone.sync(mirror), out) == 0);
  mirror.most_deleted = 0;
  std::ofstream(base + "/src/new") << "overwriting is not deleting";
  CHECK(run(rclone.sync(mirror), out) == 0);
  mirror.most_deleted = {};

  std::filesystem::remove(base + "/src/-odd");
  const std::vector<std::string> exclude = {"fi*"};
  mirror.exclude = exclude;
  mirror.hot = true;
  CHECK(run(rclone.sync(mirror), out) == 0);
  CHECK_FALSE(std::filesystem::exists(base + "/dst/data/-odd"));
  CHECK(read(base + "/dst/history/d/-odd") == "two");
  CHECK(run(rclone.refresh(mirror, false), out) == 0);

  CHECK(run(rclone.copy_file(base + "/src/file", base + "/dst/a.tmp"), out) == 0);
  CHECK(run(rclone.move_file(base + "/dst/a.tmp", base + "/dst/a"), out) == 0);
  CHECK(run(rclone.cat(base + "/dst/a"), out) == 0);
  CHECK(read(out) == "one");
  CHECK(run(rclone.list(base + "/dst", true), out) == 0);
  CHECK(read(out).find("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed") != std::string::npos);
  std::filesystem::create_directories(base + "/back");
  CHECK(run(rclone.copy_tree(base + "/dst/data", base + "/back", 100), out) == 0);
  CHECK(read(base + "/back/new") == "overwriting is not deleting");
  CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(base + "/back/link")));  // X5: no link is made
  std::filesystem::remove_all(base + "/back");
  CHECK(run(rclone.copy_tree(base + "/dst/data", base + "/back", 10), out) == 8);
  CHECK(run(rclone.delete_file(base + "/dst/a"), out) == 0);
  CHECK_FALSE(std::filesystem::exists(base + "/dst/a"));
  CHECK(run(rclone.purge(base + "/dst/history/d"), out) == 0);
  CHECK_FALSE(std::filesystem::exists(base + "/dst/history/d"));
  CHECK(remote::meaning(run(rclone.list(base + "/nothing", false), out)).not_found);
  CHECK(remote::meaning(run(rclone.cat(base + "/nothing"), out)).not_found);
  std::filesystem::remove_all(base);
}
