#include <doctest/doctest.h>

#include "common/escape.h"

using backupctl::escape_line;
using backupctl::json_string;

TEST_CASE("X10: control characters and broken UTF-8 never pass to a terminal") {
  CHECK(escape_line("plain ünïcode 漢") == "plain ünïcode 漢");
  CHECK(escape_line("a\x1b[31mb\r\n\t") == "a\\x1b[31mb\\x0d\\x0a\\x09");
  CHECK(escape_line("\xc2\x9b"
                    "31m") == "\\xc2\\x9b31m");  // C1 CSI
  CHECK(escape_line("\xff\xc0\xaf") == "\\xff\\xc0\\xaf");
  CHECK(escape_line("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(escape_line("\xf0\x9f\x98\x80") == "\xf0\x9f\x98\x80");
  CHECK(escape_line("\xf0\x9f\x98") == "\\xf0\\x9f\\x98");
  CHECK(escape_line("back\\slash") == "back\\x5cslash");
}

TEST_CASE("an escaped line has a bound") {
  CHECK(escape_line(std::string(100, 'x'), 10) == "xxxxxxxxxx…");
  CHECK(escape_line(std::string(100, '\x01'), 10) == "\\x01\\x01…");
}

TEST_CASE("JSON strings (RFC 8259)") {
  CHECK(json_string("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
  CHECK(json_string("\xff") == "\"\xEF\xBF\xBD\"");
  CHECK(json_string("") == "\"\"");
}

TEST_CASE("X10: no control character passes in JSON either") {
  CHECK(json_string("a\x7f"
                    "b") == "\"a\\u007fb\"");
  CHECK(json_string("\xc2\x80\xc2\x9b"
                    "31m\xc2\x9f") == "\"\\u0080\\u009b31m\\u009f\"");
  CHECK(json_string("\xc2\xa0\xc3\xbc") == "\"\xc2\xa0\xc3\xbc\"");
}
