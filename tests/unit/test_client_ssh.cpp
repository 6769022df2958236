#include <doctest/doctest.h>

#include <algorithm>

#include "client/ssh.h"
#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;

TEST_CASE("ssh is found in PATH's absolute directories alone") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.path / "a/ssh");  // a directory is no program
  std::filesystem::create_directories(scratch.path / "b");
  std::filesystem::create_directories(scratch.path / "c");
  scratch.write("b/ssh", "", 0644);
  scratch.write("c/ssh", "", 0755);
  const std::string root = scratch.path.string();
  CHECK(find_ssh(fmt::format("{0}/a:{0}/b:{0}/c", root)).value_or("") == root + "/c/ssh");
  CHECK(find_ssh(fmt::format("::.:{0}/c", root)).value_or("") == root + "/c/ssh");
  CHECK(find_ssh("").value_or("").ends_with("/ssh"));
  for (const std::string& path : {root + "/a", root + "/b", std::string("."), std::string(":::")}) {
    const auto found = find_ssh(path);
    REQUIRE(!found);
    CHECK(found.error().exit == Exit::bad_config);
  }
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path / "c");
  CHECK(!find_ssh("."));
  CHECK(!find_ssh(":"));
  std::filesystem::current_path(before);
}

TEST_CASE("the ssh command") {
  HostProof open;
  open.file = "/data/.ssh/known_hosts";
  const auto has = [](const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  };
  auto words = ssh_arguments({"me", "::1", 2222}, "/proc/1/fd/3", open, "backupctl --stop x --timeout 120");
  CHECK(words[0] == "ssh");
  const std::vector<std::string> end(words.end() - 3, words.end());
  CHECK(end == std::vector<std::string>{"--", "::1", "backupctl --stop x --timeout 120"});
  for (const std::string_view word :
       {"-T", "/dev/null", "me", "2222", "/proc/1/fd/3", "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
        "PasswordAuthentication=no", "ClearAllForwardings=yes", "EscapeChar=none", "LogLevel=ERROR",
        "StrictHostKeyChecking=accept-new", "UserKnownHostsFile=/data/.ssh/known_hosts", "GlobalKnownHostsFile=/dev/null",
        "ConnectTimeout=20"})
    CHECK_MESSAGE(has(words, word), word);
  auto sealed = SealedFile::make("known hosts", "x");
  REQUIRE(sealed);
  const std::string path = sealed->path();
  HostProof pinned;
  pinned.pinned.emplace(std::move(*sealed));
  words = ssh_arguments({"me", "h", 22}, "/k", pinned, "r");
  CHECK(has(words, "StrictHostKeyChecking=yes"));
  CHECK(has(words, "UserKnownHostsFile=" + path));
}

TEST_CASE("ssh sees nothing of our settings and no agent") {
  const char* const environment[] = {"PATH=/bin",        "BACKUP_SSH_KEY=secret", "BACKUP_HOST=h",
                                     "SSH_AUTH_SOCK=/x", "SSH_ASKPASS=/x",        "SSH_ASKPASS_REQUIRE=force",
                                     "LC_ALL=de_DE",     "LD_PRELOAD=/nss.so",    nullptr};
  CHECK(ssh_environment(environment) == std::vector<std::string>{"PATH=/bin", "LD_PRELOAD=/nss.so", "LC_ALL=C"});
}

TEST_CASE("ssh is given longer than the request, and never for ever") {
  Request request;
  request.verb = Verb::stop;
  request.timeout = 120;
  CHECK(ssh_deadline(request) > std::chrono::seconds{120});
  CHECK(ssh_deadline(request) <= std::chrono::seconds{240});
  request.timeout.reset();
  request.verb = Verb::status;
  CHECK(ssh_deadline(request) == std::chrono::seconds{60});
  request.verb = Verb::backup;
  CHECK(ssh_deadline(request) == std::chrono::hours{24});
}

TEST_CASE("what ssh says is explained") {
  const Host host{"me", "h", 22};
  const struct {
    std::string_view words;
    std::string_view says;
  } rows[] = {
      {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n", "not the recorded one"},
      {"No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.\n",
       "has no key of this host"},
      {"me@h: Permission denied (publickey).\n", "authorized_keys"},
      {"ssh: Could not resolve hostname h: Name or service not known\n", "name is unknown"},
      {"ssh: connect to host h port 22: Connection refused\n", "nothing listens"},
      {"Timeout, server h not responding.\n", "link broke"},
      {"", "what ssh says above"},
  };
  for (const auto& row : rows) {
    const std::string sentence = explain_ssh_failure(row.words, host);
    CAPTURE(sentence);
    CHECK(sentence.starts_with("me@h: "));
    CHECK(sentence.find(row.says) != std::string::npos);
  }
}
