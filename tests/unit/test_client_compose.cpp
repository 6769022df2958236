#include <doctest/doctest.h>

#include "client/compose.h"
#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {

/// The request a command line and variables make, or its exit code and sentence.
std::string composed(const std::vector<const char*>& words, const Variables& variables) {
  std::vector<const char*> argv = {"backup-client"};
  argv.insert(argv.end(), words.begin(), words.end());
  const auto asked = parse_command_line(static_cast<int>(argv.size()), argv.data());
  if (!asked) return fmt::format("{} {}", to_status(asked.error().exit), asked.error().sentence);
  const auto request = compose(asked->line.verb.value_or(Verb::archive), asked->line, variables);
  if (!request) return fmt::format("{} {}", to_status(request.error().exit), request.error().sentence);
  return serialize(*request);
}

const Variables night{{{"ONEDRIVE_REMOTE", "onedrive"},
                       {"ONEDRIVE_FOLDER", "/OdroidBackup"},
                       {"BACKUP_DATA_ROOT", "/media/ssd/podman"},
                       {"KEEP_WEEKLY", "3"},
                       {"KEEP_MONTHLY", "12"}}};

}  // namespace

TEST_CASE("the five compatible requests, byte for byte") {
  CHECK(composed({"--stop", "vaultwarden"}, night) == "backupctl --stop vaultwarden --timeout 120");
  CHECK(
      composed({"--sync", "vaultwarden"}, night) ==
      "backupctl --sync vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --timeout 3600");
  CHECK(composed({"--archive", "vaultwarden"}, night) ==
        "backupctl --archive vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup "
        "--keep-weekly 3 "
        "--keep-monthly 12 --timeout 3600");
  CHECK(composed({"--start", "vaultwarden"}, night) == "backupctl --start vaultwarden --timeout 300");
  CHECK(composed({"--sync-extra", "www"}, night) ==
        "backupctl --sync-extra www --remote onedrive:/OdroidBackup --timeout 3600");
}

TEST_CASE("variables and options") {
  const struct {
    std::vector<const char*> words;
    std::map<std::string, std::string> variables;
    std::string_view request;
  } rows[] = {
      {{"--sync", "x"}, {}, "backupctl --sync x --timeout 3600"},
      {{"--sync", "x"}, {{"ONEDRIVE_REMOTE", "od2"}}, "backupctl --sync x --remote od2:/OdroidBackup --timeout 3600"},
      {{"--sync", "x"}, {{"ONEDRIVE_FOLDER", "/F"}}, "backupctl --sync x --remote onedrive:/F --timeout 3600"},
      {{"--sync", "x"},
       {{"ONEDRIVE_FOLDER", ""}, {"BACKUP_DATA_ROOT", ""}, {"SYNC_TIMEOUT", ""}},
       "backupctl --sync x --timeout 3600"},
      {{"--sync", "x", "--remote", "az:a:b"}, {{"ONEDRIVE_FOLDER", "/F"}}, "backupctl --sync x --remote az:a:b --timeout 3600"},
      {{"--sync", "x", "--path", "/p"}, {{"BACKUP_DATA_ROOT", "/d"}}, "backupctl --sync x --path /p --timeout 3600"},
      {{"--sync", "x"}, {{"BACKUP_DATA_ROOT", "/d//"}}, "backupctl --sync x --path /d/x/data --timeout 3600"},
      {{"--sync", "x"}, {{"BACKUP_DATA_ROOT", "/"}}, "backupctl --sync x --path /x/data --timeout 3600"},
      {{"--sync", "x"},
       {{"SYNC_TIMEOUT", "7"}, {"STOP_TIMEOUT", "bad"}, {"KEEP_WEEKLY", "bad"}},
       "backupctl --sync x --timeout 7"},
      {{"--sync", "x", "--timeout", "9"}, {{"SYNC_TIMEOUT", "bad"}}, "backupctl --sync x --timeout 9"},
      {{"--sync-extra", "x"}, {{"SYNC_TIMEOUT", "8"}}, "backupctl --sync-extra x --timeout 8"},
      {{"--stop", "x", "--json"}, {{"STOP_TIMEOUT", "1"}}, "backupctl --stop x --timeout 1 --json"},
      {{"--start", "x"}, {{"START_TIMEOUT", "999999"}}, "backupctl --start x --timeout 999999"},
      {{"--archive", "x"},
       {{"ARCHIVE_TIMEOUT", "5"}, {"KEEP_WEEKLY", "0"}},
       "backupctl --archive x --keep-weekly 0 --timeout 5"},
      {{"--archive", "x", "--keep-monthly", "4"},
       {{"KEEP_MONTHLY", "9"}},
       "backupctl --archive x --keep-monthly 4 --timeout 3600"},
      {{"--backup", "x"}, {{"ONEDRIVE_FOLDER", "/F"}}, "backupctl --backup x --remote onedrive:/F"},
      {{"--verify", "x", "--snapshot-id", "20240229-235959"}, {}, "backupctl --verify x --snapshot-id 20240229-235959"},
      {{"--export", "x", "--timeout", "60"}, {{"ONEDRIVE_FOLDER", "/F"}}, "backupctl --export x --timeout 60"},
      {{"--status"}, {}, "backupctl --status"},
      {{"--status", "x", "--json"}, {}, "backupctl --status x --json"},
      {{"--json", "--list"}, {}, "backupctl --list --json"},
      {{"--version"}, {}, "backupctl --version"},
      {{"--snapshot", "x"}, {{"SYNC_TIMEOUT", "8"}}, "backupctl --snapshot x"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.request);
    CHECK(composed(row.words, Variables{row.variables}) == row.request);
  }
}

TEST_CASE("what is wrong is named, with 64 for the command line and 78 for the environment") {
  const std::string long_folder(1100, 'f');
  const std::string long_name(65, 'n');
  const struct {
    std::vector<const char*> words;
    std::map<std::string, std::string> variables;
    std::string_view says;
  } rows[] = {
      {{"--sync", "X"}, {}, "64 --sync's name \"X\""},
      {{"--sync", "../x"}, {}, "64 --sync's name"},
      {{"--sync", "x y"}, {}, "64 --sync's name"},
      {{"--sync", "x\n"}, {}, "64 --sync's name \"x\\x0a\""},
      {{"--sync", long_name.c_str()}, {}, "64 --sync's name"},
      {{"--sync", ""}, {}, "64 --sync needs a name"},
      {{"--sync"}, {}, "64 "},
      {{}, {}, "64 exactly one verb"},
      {{"--sync", "x", "--stop", "x"}, {}, "64 exactly one verb"},
      {{"--sync", "x", "--bogus"}, {}, "64 "},
      {{"--restore", "x"}, {}, "64 "},
      {{"--stop", "x", "--path", "/p"}, {}, "64 --stop does not take --path"},
      {{"--status", "x", "--timeout", "4"}, {}, "64 --status does not take --timeout"},
      {{"--sync", "x", "--keep-weekly", "4"}, {}, "64 --sync does not take --keep-weekly"},
      {{"--version", "--json"}, {}, "64 --version does not take --json"},
      {{"--run", "x", "--timeout", "4"}, {}, "64 --run does not take --timeout"},
      {{"--run", ""}, {}, "64 --run needs a name"},
      {{"--sync", "x", "--timeout", "0"}, {}, "64 --timeout \"0\""},
      {{"--sync", "x", "--timeout", "1000000"}, {}, "64 --timeout"},
      {{"--sync", "x", "--timeout", "1h"}, {}, "64 --timeout"},
      {{"--sync", "x", "--timeout", ""}, {}, "64 "},
      {{"--sync", "x"}, {{"SYNC_TIMEOUT", "01"}}, "78 SYNC_TIMEOUT \"01\""},
      {{"--sync", "x"}, {{"SYNC_TIMEOUT", "-1"}}, "78 SYNC_TIMEOUT"},
      {{"--sync", "x"}, {{"SYNC_TIMEOUT", "99999999999999999999"}}, "78 SYNC_TIMEOUT"},
      {{"--archive", "x"}, {{"KEEP_WEEKLY", "three"}}, "78 KEEP_WEEKLY \"three\""},
      {{"--archive", "x"}, {{"KEEP_MONTHLY", "+1"}}, "78 KEEP_MONTHLY"},
      {{"--archive", "x", "--keep-weekly", "00"}, {}, "64 --keep-weekly"},
      {{"--sync", "x"}, {{"BACKUP_DATA_ROOT", "media"}}, "78 BACKUP_DATA_ROOT"},
      {{"--sync", "x"}, {{"BACKUP_DATA_ROOT", "/a b"}}, "78 BACKUP_DATA_ROOT"},
      {{"--sync", "x", "--path", "x"}, {}, "64 --path"},
      {{"--sync", "x"}, {{"ONEDRIVE_REMOTE", "one drive"}}, "78 ONEDRIVE_REMOTE"},
      {{"--sync", "x"}, {{"ONEDRIVE_REMOTE", "a:b"}}, "78 ONEDRIVE_REMOTE"},
      {{"--sync", "x"}, {{"ONEDRIVE_FOLDER", "/ä"}}, "78 ONEDRIVE_FOLDER"},
      {{"--sync", "x", "--remote", "onedrive"}, {}, "64 --remote"},
      {{"--sync", "x", "--remote", ":/x"}, {}, "64 the remote of --remote"},
      {{"--sync", "x", "--remote", "x:"}, {}, "64 the folder of --remote"},
      {{"--verify", "x", "--snapshot-id", "20240230-000000"}, {}, "64 --snapshot-id"},
      {{"--sync", "x"}, {{"ONEDRIVE_FOLDER", long_folder}}, "64 the request is longer"},
  };
  for (const auto& row : rows) {
    const std::string got = composed(row.words, Variables{row.variables});
    CAPTURE(row.says);
    CAPTURE(got);
    CHECK(got.starts_with(row.says));
    CHECK(got.find('\n') == std::string::npos);
  }
}

TEST_CASE("--run gives each step what its verb takes") {
  const char* const argv[] = {"backup-client", "--run", "x", "--path", "/p", "--keep-weekly", "2", "--json"};
  const auto asked = parse_command_line(8, argv);
  REQUIRE(asked);
  CHECK(asked->line.run);
  CHECK(!asked->line.verb);
  const auto step = [&](Verb verb) { return serialize(compose(verb, asked->line, Variables{}).value_or(Request{})); };
  CHECK(step(Verb::stop) == "backupctl --stop x --timeout 120 --json");
  CHECK(step(Verb::sync) == "backupctl --sync x --path /p --timeout 3600 --json");
  CHECK(step(Verb::archive) == "backupctl --archive x --path /p --keep-weekly 2 --timeout 3600 --json");
  CHECK(step(Verb::start) == "backupctl --start x --timeout 300 --json");
}

TEST_CASE("help") {
  const char* const argv[] = {"backup-client", "--help"};
  const auto asked = parse_command_line(2, argv);
  REQUIRE(asked);
  for (const VerbInfo& row : verb_table()) CHECK(asked->help.find(row.word) != std::string::npos);
}
