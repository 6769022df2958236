#include <doctest/doctest.h>

#include "gate/relay/messages.h"
#include "relay_harness.h"

using backupctl::Record;
using backupctl::relay::max_message;
using backupctl::relay::most_messages;
using backupctl::test::relay_run;

TEST_CASE("what a program says on its standard error, line by line") {
  const auto out = relay_run({"messages"}, "pg_dump: error: one\n\n\npg_dump: detail: two");
  REQUIRE(out.done());
  const auto notes = out.of(Record::Kind::note);
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].view() == "pg_dump: error: one");
  CHECK(notes[0].number[0] == 1);
  CHECK(notes[1].view() == "pg_dump: detail: two");
  CHECK(out.last().number[0] == 2);
  CHECK(relay_run({"messages"}, "").records.size() == 1);
}

TEST_CASE("X5: the first lines, and of each its beginning; all else is read to its end") {
  std::string text, long_tail;  // of short words: a long one would pass for a secret
  while (long_tail.size() < max_message) long_tail += " word";
  for (std::size_t i = 0; i < most_messages + 10'000; ++i) text += std::to_string(i) + long_tail + "\n";
  const auto out = relay_run({"messages"}, text);
  REQUIRE(out.done());
  const auto notes = out.of(Record::Kind::note);
  REQUIRE(notes.size() == most_messages);
  CHECK(notes.back().view().starts_with("19 word"));
  CHECK(out.last().number[0] == most_messages + 10'000);
  for (const std::string& hostile : backupctl::test::hostile_inputs()) {
    const auto said = relay_run({"messages"}, hostile);
    REQUIRE(said.done());
    for (const Record& note : said.of(Record::Kind::note)) CHECK(note.view().size() <= max_message);
  }
}

TEST_CASE("X10: no secret of theirs passes") {
  const auto out = relay_run({"messages"}, "GET /x Authorization: Bearer abcdef\n");
  REQUIRE(out.done());
  REQUIRE(out.of(Record::Kind::note).size() == 1);
  CHECK(out.of(Record::Kind::note)[0].view().find("abcdef") == std::string_view::npos);
}
