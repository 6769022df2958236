#include <doctest/doctest.h>

#include "gate/vault/section_types.h"
#include "gate/vault/sections.h"

using namespace backupctl;
using vault::Ini;
using vault::SecretText;
using vault::select_sections;

namespace {

std::string refused(const std::string& text) {
  const Ini ini = Ini::parse(SecretText(text)).value();
  const auto selection = select_sections(ini, "r");
  if (selection) return "accepted";
  CHECK(selection.error().exit == Exit::bad_config);
  return selection.error().sentence;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("X4: a remote gets its own section and those it wraps, no other") {
  const Ini ini =
      Ini::parse(SecretText("[x]\ntype = s3\n[od]\ntype = onedrive\ntoken = {}\n[c]\ntype = chunker\nremote = od:chunks\n"
                            "[r]\ntype = crypt\nremote = c:dir\npassword = p\n"))
          .value();
  const auto selection = select_sections(ini, "r").value();
  CHECK(selection.sections == std::vector<std::string>{"r", "c", "od"});
  CHECK(selection.types == std::vector<std::string>{"crypt", "chunker", "onedrive"});
}

TEST_CASE("union and combine wrap several, a circle ends") {
  const Ini ini = Ini::parse(SecretText("[a]\ntype = s3\n[b]\ntype = b2\n[r]\ntype = union\nupstreams = a:x:ro b: k:\n"
                                        "[k]\ntype = combine\nupstreams = one=a:y two=r:\n"))
                      .value();
  CHECK(select_sections(ini, "r").value().sections == std::vector<std::string>{"r", "a", "b", "k"});
}

TEST_CASE("X4: a transfer from one remote to another gets the sections of both, and no other; D3: they share none") {
  const Ini ini = Ini::parse(SecretText("[x]\ntype = b2\n[od]\ntype = onedrive\n[safe]\ntype = crypt\nremote = od:\n"
                                        "[minio]\ntype = s3\n[part]\ntype = alias\nremote = minio:bucket/part\n"
                                        "[other]\ntype = alias\nremote = od:other\n"))
                      .value();
  const auto both = select_sections(ini, "safe", "part").value();
  CHECK(both.sections == std::vector<std::string>{"safe", "od", "part", "minio"});
  CHECK(both.types == std::vector<std::string>{"crypt", "onedrive", "alias", "s3"});
  CHECK(both.own == 2);
  CHECK(select_sections(ini, "safe").value().own == 2);
  const std::pair<std::string, std::string> sharing[] = {{"minio", "part"}, {"part", "minio"}, {"safe", "other"}, {"od", "od"}};
  for (const auto& pair : sharing) {
    CAPTURE(pair.first);
    const auto refused_pair = select_sections(ini, pair.first, pair.second);
    REQUIRE_FALSE(refused_pair.has_value());
    CHECK(refused_pair.error().exit == Exit::bad_config);
    CHECK(has(refused_pair.error().sentence, "beside its source"));
  }
}

TEST_CASE("X7: what would run a program, read a file or leave the list is refused by name") {
  const std::pair<std::string, std::string> hostile[] = {
      {"type = webdav\nbearer_token_command = /bin/sh", "[r] bearer_token_command"},
      {"type = webdav\nbearer_token_command: /bin/sh", "rclone would run a program"},
      {"type = sftp\nssh = nc", "[r] ssh"},
      {"type = sftp\nserver_command = x", "[r] server_command"},
      {"type = sftp\nsha1sum_command = x", "[r] sha1sum_command"},
      {"type = sftp\nkey_file = /root/.ssh/id", "names a file of this host"},
      {"type = sftp\nkey_use_agent = true", "credentials from outside"},
      {"type = drive\nservice_account_file = /root/x", "[r] service_account_file"},
      {"type = box\nbox_config_file = /root/x", "[r] box_config_file"},
      {"type = s3\nenv_auth = true", "[r] env_auth"},
      {"type = s3\nshared_credentials_file = /x", "[r] shared_credentials_file"},
      {"type = azureblob\nservice_principal_file = /x", "[r] service_principal_file"},
      {"type = swift\nenv_auth = true", "[r] env_auth"},
      {"type = local", "type that is not allowed"},
      {"type = hasher\nremote = x:", "type that is not allowed"},
      {"type = ftp", "type that is not allowed"},
      {"type = alias\nremote = /root", "[r] remote"},
      {"type = alias\nremote = root", "[r] remote"},
      {"type = alias\nremote = :local:/root", "[r] remote"},
      {"type = alias\nremote = x,type=local:/root", "[r] remote"},
      {"type = alias\nremote = ../x:y", "[r] remote"},
      {"type = alias", "has no remote"},
      {"type = union\nupstreams = /root", "[r] upstreams"},
      {"type = combine\nupstreams = a=/root", "[r] upstreams"},
      {"type = combine\nupstreams = \"a=x:y z\"", "[r] upstreams"},
      {"type = alias\nremote = gone:x", "no section [gone]"},
      {"type = s3\nendpoint = `x`", "[r] endpoint"},
      {"type = alias\nremote = %(description)s", "[r] remote"},
      {"type = s3\ntype = local", "[r] type stands twice"},
      {"type = s3\n[r]\ntype = local", "[r] stands twice"},
      {"type = s3\n\"env_auth\" = true", "no key (line 3)"},
      {"nothing = 1", "has no type"},
  };
  for (const auto& one : hostile) {
    CAPTURE(one.first);
    const std::string sentence = refused("[r]\n" + one.first + "\n");
    CAPTURE(sentence);
    CHECK(has(sentence, one.second));
  }
  CHECK(has(refused("[x]\ntype = s3\n"), "no section [r]"));
}

TEST_CASE("X10: a refusal never tells a value") {
  CHECK_FALSE(has(refused("[r]\ntype = webdav\nbearer_token_command = HUSH\n"), "HUSH"));
  CHECK_FALSE(has(refused("[r]\ntype = HUSH\n"), "HUSH"));
  CHECK_FALSE(has(refused("[r]\ntype = alias\nremote = :webdav,pass=HUSH:\n"), "HUSH"));
}

TEST_CASE("an encrypted configuration is refused with one sentence that says what to do") {
  CHECK(has(refused("# Encrypted\nRCLONE_ENCRYPT_V0:\nabcd\n"), "is encrypted"));
}

TEST_CASE("no row of the table allows a program or a local file") {
  for (const auto& type : vault::section_types())
    for (const char* key :
         {"bearer_token_command", "ssh", "server_command", "md5sum_command", "key_file", "env_auth", "profile",
          "service_account_file", "known_hosts_file", "shared_credentials_file", "ask_password", "nounc"}) {
      CAPTURE(type.type);
      CAPTURE(key);
      CHECK_FALSE(vault::key_allowed(type, key));
    }
}

TEST_CASE("a wrapping too deep is refused, sftp is warned about") {
  std::string text = "[r]\ntype = alias\nremote = s0:\n";
  for (int i = 0; i < 20; ++i) text += fmt::format("[s{}]\ntype = alias\nremote = s{}:\n", i, i + 1);
  CHECK(has(refused(text), "wraps more than"));
  const Ini ini = Ini::parse(SecretText("[r]\ntype = sftp\nhost = h\nkey_pem = k\n")).value();
  CHECK(select_sections(ini, "r").value().warnings.size() == 1);
}
