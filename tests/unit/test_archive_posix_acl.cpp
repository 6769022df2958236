#include <doctest/doctest.h>

#include "gate/source/posix_acl.h"

using namespace backupctl::archive;
using namespace std::string_literals;

// As Linux gives it for `setfacl -m u:1000:rwx,g:2000:r-x` on a file of mode 0644.
const std::string kernel =
    "\x02\0\0\0"
    "\x01\0\x06\0\xFF\xFF\xFF\xFF"
    "\x02\0\x07\0\xE8\x03\0\0"
    "\x04\0\x04\0\xFF\xFF\xFF\xFF"
    "\x08\0\x05\0\xD0\x07\0\0"
    "\x10\0\x07\0\xFF\xFF\xFF\xFF"
    "\x20\0\x04\0\xFF\xFF\xFF\xFF"s;

TEST_CASE("the kernel's list is read, shown and written back to the same bytes") {
  const auto entries = parse_acl(kernel);
  REQUIRE(entries.has_value());
  CHECK(acl_text(*entries) == "user::rw-,user:1000:rwx,group::r--,group:2000:r-x,mask::rwx,other::r--");
  CHECK(encode_acl(*entries) == kernel);
  const auto from_text = parse_acl_text(acl_text(*entries));
  REQUIRE(from_text.has_value());
  CHECK(encode_acl(*from_text) == kernel);
}

TEST_CASE("what is no list is refused") {
  CHECK_FALSE(parse_acl("").has_value());
  CHECK_FALSE(parse_acl(kernel.substr(0, kernel.size() - 1)).has_value());
  CHECK_FALSE(parse_acl("\x03" + kernel.substr(1)).has_value());
}
