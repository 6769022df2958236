#include <doctest/doctest.h>

#include "gate/source/name_text.h"

using namespace backupctl::archive;

TEST_CASE("names are stable, normalisable or no text") {
  CHECK(classify("plain") == NameText::stable);
  CHECK(classify("") == NameText::stable);
  CHECK(classify("caf\xC3\xA9") == NameText::stable);               // precomposed
  CHECK(classify("\xE6\x97\xA5\xE6\x9C\xAC") == NameText::stable);  // CJK
  CHECK(classify("\xF0\x9F\x98\x80") == NameText::stable);          // a pictograph
  CHECK(classify("cafe\xCC\x81") == NameText::utf8);                // a combining accent
  CHECK(classify("\xE2\x84\xAB") == NameText::utf8);                // ANGSTROM SIGN, which normalises to a letter
  CHECK(classify("\xEF\xAC\x81") == NameText::utf8);
}

TEST_CASE("what is not UTF-8 is bytes") {
  for (const char* name :
       {"\xFF", "a\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xF0\x8F\xBF\xBF"}) {
    CAPTURE(name);
    CHECK(classify(name) == NameText::bytes);
  }
}
