#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <cstdlib>

#include "gate/manifest/manifest.h"
#include "gate/manifest/signature.h"
#include "gate/relay/trusted_keys.h"
#include "gate/signer/signer.h"
#include "relay_harness.h"

using namespace backupctl;
using test::fd_of;

namespace {

struct Pair {
  std::string secret;
  std::string open;
};

Pair make_pair() {
  const UniqueFd secret = fd_of({});
  const UniqueFd open = fd_of({});
  REQUIRE(signer::generate(secret.get(), open.get()));
  return {test::content(secret), test::content(open)};
}

std::string sign(const Pair& pair, std::string_view bytes) {
  return signer::sign(fd_of(bytes).get(), fd_of(pair.secret).get()).value();
}

}  // namespace

TEST_CASE("what is signed verifies with its own key and no other") {
  const Pair pair = make_pair();
  const Pair other = make_pair();
  CHECK(pair.open != other.open);
  CHECK(pair.secret.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  std::string line = sign(pair, "{\"a\":1}");
  REQUIRE(line.size() == manifest::signature_line_size);
  line.pop_back();
  const auto parsed = manifest::parse_signature_line(line);
  REQUIRE(parsed);
  const auto keys = relay::TrustedKeys::parse(other.open + pair.open);
  REQUIRE(keys);
  const auto key = keys->find(parsed->key_id);
  REQUIRE(key);
  CHECK(relay::is_signed_by(*key, parsed->signature, "{\"a\":1}"));
  CHECK(!relay::is_signed_by(*key, parsed->signature, "{\"a\":2}"));
  CHECK(!relay::TrustedKeys::parse(other.open)->find(parsed->key_id));
}

TEST_CASE("keys that are none are refused") {
  for (const std::string& key : {std::string(), std::string("x"), std::string(10000, 'x'), make_pair().open,
                                 std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")})
    CHECK(signer::sign(fd_of("x").get(), fd_of(key).get()).error().exit == Exit::bad_config);
  const Pair pair = make_pair();
  CHECK(signer::sign(fd_of("").get(), fd_of(pair.secret).get()).error().exit == Exit::bad_data);
  CHECK(signer::sign(fd_of(std::string(65537, 'x')).get(), fd_of(pair.secret).get()).error().exit == Exit::bad_data);
  CHECK(signer::sign(fd_of(std::string(65536, 'x')).get(), fd_of(pair.secret).get()));
  CHECK(signer::generate(-1, -1).error().exit == Exit::io_error);
}

TEST_CASE("trusted keys: only Ed25519 public keys, at least one") {
  const Pair pair = make_pair();
  CHECK(relay::TrustedKeys::parse("# a remark\n" + pair.open + "\n"));
  for (const std::string& pem : {std::string(), std::string("x"), pair.secret, pair.open + pair.secret,
                                 std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")})
    CHECK(relay::TrustedKeys::parse(pem).error().exit == Exit::bad_config);
}

TEST_CASE("a person checks a manifest with sed, base64 and openssl, as manifest.h says") {
  char dir[] = "/tmp/test-signer-XXXXXX";
  REQUIRE(::mkdtemp(dir) != nullptr);
  REQUIRE(::chdir(dir) == 0);
  const Pair pair = make_pair();
  const std::string files = "{\"path\":\"a,\"}\n{\"path\":\"]}\"}\n";
  manifest::Manifest m;
  m.service = "x";
  m.files_sha256 = sha256(files);
  const std::string value = manifest::signed_object(m).value();
  const UniqueFd out = open_no_symlinks(std::string(dir) + "/M", O_WRONLY | O_CREAT, 0600);
  REQUIRE(manifest::assemble(out.get(), value, sign(pair, value), fd_of(files).get()));
  REQUIRE(write_file_durably(std::string(dir) + "/host.pub", pair.open, 0600));
  const auto shell = [](const std::string& script) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl("/bin/sh", "sh", "-ec", script.c_str(), nullptr);
      ::_exit(127);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  };
  const std::string recipe = R"sh(
sed -n '1{s/^{"signed"://;s/,$//;p;}' M | tr -d '\n' > signed
sed -n '2s/.*"value":"\([^"]*\)".*/\1/p' M | base64 -d > signature
openssl pkeyutl -verify -pubin -inkey host.pub -rawin -in signed -sigfile signature >verdict
openssl pkey -pubin -in host.pub -outform DER | sha256sum | cut -c1-16 | xargs -I% grep -q '"key":"%"' M
)sh";
  CHECK(shell(recipe) == 0);
  CHECK(shell("sed -n '4,${/^]}$/d;s/,$//;p;}' M | sha256sum | grep -q " + to_hex(m.files_sha256)) == 0);
  CHECK(shell("sed -i '1s/\"x\"/\"y\"/' M" + recipe) != 0);
  CHECK(::chdir("/") == 0);
  CHECK(shell("rm -r " + std::string(dir)) == 0);
}
