#include <doctest/doctest.h>

#include "gate/relay/hash.h"
#include "relay_harness.h"

using backupctl::Exit;
using backupctl::to_hex;
using backupctl::test::relay_run;

TEST_CASE("hash: SHA-256 and size of all input (FIPS 180-4's examples)") {
  auto out = relay_run({"hash"}, "abc");
  REQUIRE(out.done());
  CHECK(to_hex(out.last().digest) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(out.last().number[0] == 3);
  out = relay_run({"hash"}, "");
  CHECK(to_hex(out.last().digest) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(relay_run({"hash"}, std::string(5 << 20, '\0')).last().number[0] == 5 << 20);
}

TEST_CASE("checksum: one line of sha256sum") {
  const std::string sum(64, '7');
  for (const std::string& text :
       {sum + "  x-2026-01-01.tar.gz\n", sum + " *x-2026-01-01.tar.gz", sum + "  x-2026-01-01.tar.gz"}) {
    const auto out = relay_run({"checksum"}, text);
    REQUIRE(out.done());
    CHECK(to_hex(out.last().digest) == sum);
    CHECK(out.last().view() == "x-2026-01-01.tar.gz");
  }
  for (const std::string& text :
       {std::string(), sum, sum + "  ", sum + "  \n", sum + " x", sum + "\tx y", std::string(64, 'G') + "  x",
        std::string(64, 'A') + "  x", sum.substr(1) + "  x", sum + "  x\n" + sum + "  y\n", "\\" + sum + "  x", sum + "  x\x1b",
        sum + "  x\n\n", sum + "  " + std::string(1025, 'x')})
    CHECK_MESSAGE(relay_run({"checksum"}, text).failed(Exit::bad_data), text);
  for (const std::string& text : backupctl::test::hostile_inputs()) CHECK(relay_run({"checksum"}, text).failed(Exit::bad_data));
}

TEST_CASE("the mode table: a word, its arguments, nothing else") {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{}, {""}, {"hashes"}, {"hash", "x"}, {"listing"}, {"manifest", "x"}, {"HASH"}})
    CHECK(relay_run(args, "x").failed(Exit::bug));
}
