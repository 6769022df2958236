#include <doctest/doctest.h>
#include <sys/stat.h>

#include "client/private_key.h"
#include "client/sealed_file.h"
#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

/// The public key that ssh-keygen derives from a key file; empty when it cannot read it.
std::string public_half(const std::string& path, Signals& signals) {
  const Ran ran = run_for_test({"/usr/bin/ssh-keygen", "-y", "-P", "", "-f", path}, signals, {std::chrono::seconds{20}});
  // Type and key; the comment is not part of every format.
  return ran.ending.status == 0 ? ran.out.substr(0, ran.out.find(' ', ran.out.find(' ') + 1)) : "";
}

void generate(const Scratch& scratch, Signals& signals, const std::vector<std::string>& options,
              const std::string& passphrase = "") {
  std::vector<std::string> arguments = {"/usr/bin/ssh-keygen", "-q", "-C", "", "-N", passphrase, "-f", scratch.file("key")};
  arguments.insert(arguments.end(), options.begin(), options.end());
  REQUIRE(run_for_test(arguments, signals, {std::chrono::seconds{60}}).ending.status == 0);
}

}  // namespace

TEST_CASE("a key mangled on its way is the same key again, and ssh opens it from sealed memory") {
  auto signals = Signals::take();
  REQUIRE(signals);
  for (const std::vector<std::string>& kind : std::vector<std::vector<std::string>>{{"-t", "ed25519"},
                                                                                    {"-t", "rsa", "-b", "2048"},
                                                                                    {"-t", "rsa", "-b", "2048", "-m", "PEM"},
                                                                                    {"-t", "ecdsa", "-m", "PKCS8"}}) {
    CAPTURE(kind.back());
    const Scratch scratch;
    generate(scratch, *signals, kind);
    const std::string real = slurp(scratch.file("key"));
    const std::string expected = public_half(scratch.file("key"), *signals);
    REQUIRE(!expected.empty());
    const std::string trimmed = real.substr(0, real.size() - 1);
    for (const std::string& mangled :
         {real, trimmed, replace_all(real, "\n", " "), replace_all(real, "\n", "\r\n"), replace_all(real, "\n", "\r"),
          replace_all(real, "\n", "\\n"), replace_all(real, "\n", "\\r\\n"), replace_all(real, "\n", ""),
          replace_all(real, "\n", " \t "), "\"" + trimmed + "\"", "'" + replace_all(trimmed, "\n", "\\n") + "'",
          "\n\n " + real + " \n"}) {
      CAPTURE(mangled);
      CHECK(is_inline_key(mangled));
      const auto key = rebuild_private_key(mangled, "BACKUP_SSH_KEY");
      REQUIRE(key);
      if (kind.size() < 5 && kind.back() == "ed25519") CHECK(key->view() == real);
      const auto sealed = SealedFile::make("test key", key->view());
      REQUIRE(sealed);
      CHECK(public_half(sealed->path(), *signals) == expected);
    }
  }
}

TEST_CASE("keys nobody can use are told apart, in one line without the key") {
  auto signals = Signals::take();
  REQUIRE(signals);
  const Scratch scratch;
  generate(scratch, *signals, {"-t", "ed25519"}, "secret words");
  const std::string locked = slurp(scratch.file("key"));
  const std::string public_key = slurp(scratch.file("key.pub"));
  const Scratch other;
  generate(other, *signals, {"-t", "ed25519"});
  const std::string good = slurp(other.file("key"));
  const std::size_t body = good.find('\n') + 1;
  const struct {
    std::string text;
    std::string_view says;
  } rows[] = {
      {locked, "passphrase"},
      {replace_all(locked, "\n", " "), "passphrase"},
      {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "passphrase"},
      {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE "
       "KEY-----\n",
       "passphrase"},
      {public_key, "public key"},
      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "something else"},
      {good.substr(0, good.size() / 2), "cut off"},
      {good.substr(0, 20), "cut off"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"},
      {good.substr(0, body) + "!" + good.substr(body), "damaged"},
      {good.substr(0, body) + good.substr(body + 1), "damaged"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "damaged"},
      {"", "no private key"},
      {"hello", "no private key"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto key = rebuild_private_key(row.text, "BACKUP_SSH_KEY");
    REQUIRE(!key);
    CHECK(key.error().exit == Exit::bad_config);
    CHECK(key.error().sentence.starts_with("BACKUP_SSH_KEY holds "));
    CHECK(key.error().sentence.find(row.says) != std::string::npos);
    CHECK(key.error().sentence.find('\n') == std::string::npos);
    if (row.text.size() > body + 40) CHECK(key.error().sentence.find(row.text.substr(body, 20)) == std::string::npos);
  }
}

TEST_CASE("paths are no inline keys") {
  for (const std::string_view path : {"", "/data/.ssh/id_ed25519", "key", "../a-b--c.pem"}) CHECK(!is_inline_key(path));
}

TEST_CASE("a sealed file is the owner's alone and cannot be changed") {
  const auto file = SealedFile::make("sealed", "secret");
  REQUIRE(file);
  struct stat status {};
  REQUIRE(::stat(file->path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(slurp(file->path()) == "secret");
  CHECK(::pwrite(file->fd(), "x", 1, 0) == -1);
  CHECK(::ftruncate(file->fd(), 0) == -1);
  CHECK(::fcntl(file->fd(), F_ADD_SEALS, 0) == -1);
  const UniqueFd again(::open(file->path().c_str(), O_RDWR | O_CLOEXEC));
  CHECK(::write(again.get(), "y", 1) == -1);
  CHECK(slurp(file->path()) == "secret");
}

TEST_CASE("a secret never grows, and a variable leaves no trace") {
  Secret secret(64);
  CHECK(secret.append(std::string(60, 'x')));
  CHECK(!secret.append("12345"));
  CHECK(secret.view().size() == 60);
  ::setenv("BACKUP_CLIENT_TEST", "hidden", 1);
  const char* const value = ::getenv("BACKUP_CLIENT_TEST");
  wipe_variable("BACKUP_CLIENT_TEST");
  CHECK(::getenv("BACKUP_CLIENT_TEST") == nullptr);
  CHECK(value[0] == '\0');
}
