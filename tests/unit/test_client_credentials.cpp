#include <doctest/doctest.h>

#include "client/credentials.h"
#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {

// No key: the form alone, as far as the client judges it.
constexpr std::string_view key =
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUA\n-----END OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view line = "host ssh-ed25519 AAAA\n";
const Host host{"me", "host", 22};

std::string refusal(const Variables& variables) {
  const auto credentials = load_credentials(variables, host);
  if (credentials) return "loaded";
  CHECK(credentials.error().exit == Exit::bad_config);
  CHECK(credentials.error().sentence.find("b3Blbn") == std::string::npos);
  return credentials.error().sentence;
}

}  // namespace

TEST_CASE("inline values never touch a file") {
  const auto credentials =
      load_credentials(Variables{{{"BACKUP_SSH_KEY", std::string(key)}, {"BACKUP_KNOWN_HOSTS", std::string(line)}}}, host);
  REQUIRE(credentials);
  CHECK(slurp(credentials->key.path()) == key);
  REQUIRE(credentials->proof.pinned);
  CHECK(slurp(credentials->proof.pinned->path()) == line);
  CHECK(credentials->warnings.empty());
}

TEST_CASE("paths") {
  const Scratch scratch;
  Variables variables{
      {{"BACKUP_SSH_KEY", scratch.write("key", key)}, {"BACKUP_KNOWN_HOSTS", scratch.write("known_hosts", line)}}};
  const auto credentials = load_credentials(variables, host);
  REQUIRE(credentials);
  CHECK(slurp(credentials->key.path()) == key);
  CHECK(credentials->proof.pinned);
  CHECK(credentials->warnings.empty());

  SUBCASE("a key that others may read is used and warned about") {
    scratch.write("key", key, 0644);
    auto loaded = load_credentials(variables, host);
    REQUIRE(loaded);
    REQUIRE(loaded->warnings.size() == 1);
    CHECK(loaded->warnings[0].find("mode 644") != std::string::npos);
  }
  SUBCASE("what is no readable key file") {
    variables.values["BACKUP_SSH_KEY"] = scratch.file("absent");
    CHECK(refusal(variables).find("No such file") != std::string::npos);
    variables.values["BACKUP_SSH_KEY"] = scratch.path.string();
    CHECK(refusal(variables).find("is no file") != std::string::npos);
    variables.values["BACKUP_SSH_KEY"] = scratch.write("big", std::string(70'000, 'x'));
    CHECK(refusal(variables).find("is no file of at most") != std::string::npos);
    variables.values["BACKUP_SSH_KEY"] = scratch.write("empty", "");
    CHECK(refusal(variables).find("no private key") != std::string::npos);
  }
  SUBCASE("the known_hosts file decides whether a first contact may be") {
    const std::string known = scratch.write("known_hosts", "other ssh-ed25519 BBBB\n");
    auto loaded = load_credentials(variables, host);
    REQUIRE(loaded);
    CHECK(!loaded->proof.pinned);
    CHECK(loaded->proof.file == known);
    CHECK(!note_first_contact(loaded->proof, host));
    scratch.write("known_hosts", "other ssh-ed25519 BBBB\nhost ssh-ed25519 CCCC\n");
    const auto warning = note_first_contact(loaded->proof, host);
    REQUIRE(warning);
    CHECK(warning->ends_with(": host ssh-ed25519 CCCC"));
    CHECK(loaded->proof.pinned);
    CHECK(!note_first_contact(loaded->proof, host));
  }
  SUBCASE("a file that does not exist yet may come to be, where that is possible") {
    variables.values["BACKUP_KNOWN_HOSTS"] = scratch.file("new");
    auto loaded = load_credentials(variables, host);
    REQUIRE(loaded);
    CHECK(loaded->proof.file == scratch.file("new"));
    for (const std::string& path :
         {scratch.file("absent/new"), std::string("relative"), scratch.file("a b"), scratch.file("%h")}) {
      variables.values["BACKUP_KNOWN_HOSTS"] = path;
      CHECK(refusal(variables).find("cannot be recorded") != std::string::npos);
    }
  }
}
