#include <doctest/doctest.h>

#include "gate/vault/ledger.h"

using backupctl::Exit;
using backupctl::vault::Ledger;

TEST_CASE("D5: only a whole ledger is taken for one") {
  const std::string digest(64, 'a');
  const Ledger ledger{"safe", 1878982660, {"safe", "onedrive"}, {{"onedrive", {digest, std::string(64, 'b')}}}, "minio"};
  const std::string text = ledger.text();
  CHECK(Ledger::parse(text).value().text() == text);
  CHECK(Ledger::parse(text).value().tokens[0].knows(digest));
  CHECK_FALSE(Ledger::parse(text).value().tokens[0].knows(std::string(64, 'c')));
  // Cut off anywhere but at the end of a line it is none; a whole line fewer is an older ledger, which is safe.
  for (std::size_t size = 0; size < text.size(); ++size) {
    if (size > 0 && text[size - 1] == '\n') continue;
    CAPTURE(size);
    CHECK_FALSE(Ledger::parse(text.substr(0, size)).has_value());
  }
  for (const std::string& odd : {text + "what ever\n", text + "\n", text + "section ../x\n", text + "section onedrive more\n",
                                 "x" + text, text + "uid 1\n", text + "token onedrive short\n"}) {
    CAPTURE(odd);
    CHECK(Ledger::parse(odd).error().exit == Exit::io_error);
  }
}
