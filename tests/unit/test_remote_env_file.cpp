#include <doctest/doctest.h>

#include "gate/remote/env_file.h"

using backupctl::Exit;
using backupctl::remote::parse_env_file;
using backupctl::remote::read_env_file;

namespace {
const std::string rest = "AZURE_STORAGE_KEY=aGk=\nAZURE_STORAGE_CONTAINER=box\n";
}

TEST_CASE("an env file is read as a shell would read plain assignments") {
  const auto parsed = parse_env_file(
      "# Azure\r\n\r\n export AZURE_STORAGE_ACCOUNT=\"acc1\"  # mine\r\nAZURE_STORAGE_KEY='aGk='\nAZURE_STORAGE_CONTAINER=box\n"
      "OTHER=$(rm -rf /)\nnonsense\n",
      "box");
  REQUIRE(parsed.has_value());
  CHECK(parsed->account == "acc1");
  CHECK(parsed->key.bytes == "aGk=");
}

TEST_CASE("X2: what a shell would read differently is refused, without telling values") {
  const char* bad[] = {"AZURE_STORAGE_ACCOUNT=$(id)",
                       "AZURE_STORAGE_ACCOUNT=\"$HUSH\"",
                       "AZURE_STORAGE_ACCOUNT=`id`",
                       "AZURE_STORAGE_ACCOUNT=a\\b",
                       "AZURE_STORAGE_ACCOUNT='HUSH",
                       "AZURE_STORAGE_ACCOUNT=abc; id",
                       "AZURE_STORAGE_ACCOUNT=abc def",
                       "AZURE_STORAGE_ACCOUNT='abc'def",
                       "AZURE_STORAGE_ACCOUNT=\"abc\"#x",
                       "AZURE_STORAGE_ACCOUNT=",
                       "AZURE_STORAGE_ACCOUNT = HUSH",
                       "AZURE_STORAGE_ACCOUNT=HUSH",
                       "AZURE_STORAGE_ACCOUNT=abc\nAZURE_STORAGE_ACCOUNT=abd",
                       "",
                       "AZURE_STORAGE_ACCOUNT=../../abc"};
  for (const char* line : bad) {
    CAPTURE(line);
    const auto parsed = parse_env_file(std::string(line) + "\n" + rest, "box");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().exit == Exit::bad_config);
    CHECK(parsed.error().sentence.find("HUSH") == std::string::npos);
  }
}

TEST_CASE("the container must be the policy's root, the key base64") {
  CHECK_FALSE(parse_env_file("AZURE_STORAGE_ACCOUNT=abc\n" + rest, "other").has_value());
  CHECK_FALSE(
      parse_env_file("AZURE_STORAGE_ACCOUNT=abc\nAZURE_STORAGE_KEY=a%b\nAZURE_STORAGE_CONTAINER=box\n", "box").has_value());
  CHECK(parse_env_file("AZURE_STORAGE_ACCOUNT=abc\n" + rest, "box").has_value());
}

TEST_CASE("X7: a file that is missing or that others may change is refused") {
  CHECK(read_env_file("/nonexistent/azure.env", "box").error().exit == Exit::bad_config);
  CHECK(read_env_file("/tmp/azure.env", "box").error().exit == Exit::bad_config);
}
