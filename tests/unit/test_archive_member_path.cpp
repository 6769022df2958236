#include <doctest/doctest.h>

#include "gate/restore/entry_member.h"
#include "gate/restore/member_path.h"

using namespace backupctl::archive;

TEST_CASE("safe names lie beneath the target (X5)") {
  CHECK(safe_path("data/a") == "data/a");
  CHECK(safe_path("./data//a/./b/") == "data/a/b");
  CHECK(safe_path("./") == "");
  CHECK(safe_path("data/..a/...") == "data/..a/...");
  for (const char* name : {"", "/", "/etc/passwd", "..", "data/..", "data/../x", "../data", "a/b/../../../c"}) {
    CAPTURE(name);
    CHECK_FALSE(safe_path(name).has_value());
  }
}

TEST_CASE("directory and name") {
  CHECK(parent_of("a/b/c") == "a/b");
  CHECK(name_of("a/b/c") == "c");
  CHECK(parent_of("a") == "");
  CHECK(name_of("a") == "a");
}

TEST_CASE("names of attributes come out of their encoding") {
  CHECK(decode_name("user.a%3Db%20%2541") == "user.a=b %41");
  CHECK(decode_name("user.plain") == "user.plain");
  CHECK(decode_name("user.%zz%4") == "user.%zz%4");
  CHECK(decode_name("user.%00") == "user.%00");
  CHECK(decode_name("user.%") == "user.%");
}
