#include <doctest/doctest.h>

#include "gate/vault/ini.h"

using backupctl::Exit;
using backupctl::vault::Ini;
using backupctl::vault::max_config;
using backupctl::vault::SecretText;

namespace {

const std::string text =
    "\xef\xbb\xbf# top = no\r\nstray\n[a]\r\ntype = x\r\nkey: v = w \n# token = no\n\n  [ b ]  \nempty =\nlast = 1";

Ini parsed(const std::string& bytes) { return Ini::parse(SecretText(bytes)).value(); }

}  // namespace

TEST_CASE("sections and keys as rclone reads them, bytes as they were") {
  const Ini ini = parsed(text);
  CHECK(ini.text() == text);
  REQUIRE(ini.find("a") != nullptr);
  REQUIRE(ini.find("b") != nullptr);
  CHECK(ini.find("c") == nullptr);
  CHECK(ini.find("a")->keys.size() == 2);
  CHECK(ini.value(*ini.find("a")->find("type")) == "x");
  CHECK(ini.value(*ini.find("a")->find("key")) == "v = w");
  CHECK(ini.value(*ini.find("b")->find("empty")).empty());
  CHECK(ini.value(*ini.find("b")->find("last")) == "1");
  CHECK(ini.find("a")->find("token") == nullptr);
}

TEST_CASE("one value changes, every other byte stays") {
  const Ini ini = parsed(text);
  std::string expected = text;
  expected.replace(expected.find("v = w"), 5, "new");
  CHECK(ini.with_value(*ini.find("a")->find("key"), "new").bytes == expected);
}

TEST_CASE("what cannot be read without doubt is marked") {
  const Ini ini = parsed("[a]\nx = 1\n[b]\nno key here\n[a]\ny = 2\n[c]\n`quoted` = 1\n[d]\nUpper = 1\n");
  CHECK(ini.find("a")->repeated);
  CHECK(ini.find("b")->odd_line == 4);
  CHECK(ini.find("c")->odd_line == 8);
  CHECK(ini.find("d")->odd_line == 10);
}

TEST_CASE("an encrypted configuration is recognised after comments only") {
  CHECK(parsed("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc\n").encrypted());
  CHECK_FALSE(parsed("[a]\nRCLONE_ENCRYPT_V0: = 1\n").encrypted());
}

TEST_CASE("X5: size and zero bytes are bounded") {
  CHECK(Ini::parse(SecretText(std::string(max_config, '\n'))).has_value());
  CHECK(Ini::parse(SecretText(std::string(max_config + 1, '\n'))).error().exit == Exit::bad_config);
  CHECK(Ini::parse(SecretText(std::string("[a]\0", 4))).error().exit == Exit::bad_config);
}
