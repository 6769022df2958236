#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gate/remote/capabilities.h"
#include "gate/vault/section_types.h"

using backupctl::remote::capabilities;
using Types = std::vector<std::string>;

TEST_CASE("D1: a remote can what all its sections can") {
  CHECK(capabilities(Types{"onedrive"}).rename);
  CHECK(capabilities(Types{"crypt", "onedrive"}).rename);
  CHECK_FALSE(capabilities(Types{"azureblob"}).rename);
  CHECK_FALSE(capabilities(Types{"crypt", "s3"}).rename);
  CHECK_FALSE(capabilities(Types{"union", "onedrive", "b2"}).rename);
  CHECK_FALSE(capabilities(Types{"webdav"}).times);
  CHECK_FALSE(capabilities(Types{"crypt", "webdav"}).times);
  CHECK_FALSE(capabilities(Types{"unheard-of"}).rename);
  CHECK_FALSE(capabilities(Types{}).rename);
}

TEST_CASE("every type that the vault allows has a row: one that keeps times is known") {
  for (const auto& type : backupctl::vault::section_types()) {
    CAPTURE(type.type);
    const Types types{std::string(type.type)};
    CHECK((capabilities(types).times || type.type == "webdav"));
  }
}
