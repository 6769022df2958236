#include <doctest/doctest.h>

#include "gate/relay/dump_contents.h"
#include "relay_harness.h"

using backupctl::Exit;
using backupctl::Record;
using backupctl::relay::Belonging;
using backupctl::test::relay_run;

namespace {

// As pg_restore 15 --list --verbose prints it: "s t" has a schema, a serial column, an index, a foreign key of its own to "s
// u", one from "s u" to it, a view, rights and a trigger; "s t x" begins like it.
const std::string contents =
    ";\n; Archive created at 2026-11-21 22:37:43 UTC\n;     TOC Entries: 18\n;\n; Selected TOC Entries:\n;\n"
    "3362; 0 0 ENCODING - ENCODING \n"
    "5; 2615 16386 SCHEMA - s shop\n"
    "216; 1259 16388 TABLE s t shop\n;\tdepends on: 5\n"
    "3370; 0 0 ACL s TABLE t shop\n;\tdepends on: 216\n"
    "217; 1259 16394 TABLE s u shop\n;\tdepends on: 5\n"
    "218; 1259 16397 TABLE s t x shop\n;\tdepends on: 5\n"
    "219; 1259 16400 VIEW s v shop\n;\tdepends on: 216 5\n"
    "220; 1259 16401 MATERIALIZED VIEW s mv shop\n;\tdepends on: 216 5\n"
    "215; 1259 16387 SEQUENCE s t_i_seq shop\n;\tdepends on: 5 216\n"
    "3367; 0 0 SEQUENCE OWNED BY s t_i_seq shop\n;\tdepends on: 215\n"
    "3211; 2604 16391 DEFAULT s t i shop\n;\tdepends on: 215 216 216\n"
    "3358; 0 16388 TABLE DATA s t shop\n;\tdepends on: 216\n"
    "3359; 0 16394 TABLE DATA s u shop\n;\tdepends on: 217\n"
    "3360; 0 16397 TABLE DATA s t x shop\n;\tdepends on: 218\n"
    "3368; 0 0 SEQUENCE SET s t_i_seq shop\n;\tdepends on: 215\n"
    "3213; 2606 16393 CONSTRAINT s t t_pkey shop\n;\tdepends on: 216\n"
    "3214; 2606 16395 CONSTRAINT s u u_pkey shop\n;\tdepends on: 217\n"
    "3215; 1259 16396 INDEX s t_index shop\n;\tdepends on: 216\n"
    "3216; 2606 16402 FK CONSTRAINT s t to_u shop\n;\tdepends on: 216 3214 217\n"
    "3217; 2606 16403 FK CONSTRAINT s u to_t shop\n;\tdepends on: 217 3213 216\n";

using Ids = std::vector<std::pair<std::int64_t, Belonging>>;

Ids belongings(const std::string& schema, const std::string& table, const std::string& text = contents) {
  const auto out = relay_run({"dump-contents", schema, table}, text);
  REQUIRE(out.done());
  Ids ids;
  for (const Record& record : out.of(Record::Kind::entry))
    ids.emplace_back(record.number[0], static_cast<Belonging>(record.number[1]));
  return ids;
}

constexpr auto definition = Belonging::definition, rows = Belonging::rows, foreign_key = Belonging::foreign_key;

}  // namespace

TEST_CASE("entries are counted, and those with rows; what has no table asked for sends none") {
  const auto out = relay_run({"dump-contents", "", ""}, contents);
  REQUIRE(out.done());
  CHECK(out.records.size() == 1);
  CHECK(out.last().number[0] == 20);
  CHECK(out.last().number[1] == 3);
  const auto empty = relay_run({"dump-contents", "", ""}, "");
  REQUIRE(empty.done());
  CHECK(empty.last().number[0] == 0);
}

TEST_CASE("what belongs to a table: its sequence with what depends on that, its own foreign key, no view, no other's key") {
  CHECK(belongings("s", "t") == Ids{{216, definition},
                                    {3370, definition},
                                    {215, definition},
                                    {3367, definition},
                                    {3211, definition},
                                    {3358, rows},
                                    {3368, definition},
                                    {3213, definition},
                                    {3215, definition},
                                    {3216, foreign_key}});
}

TEST_CASE("what is of the database itself, in a dump of that database alone") {
  const std::string text =
      "; Archive\n3339; 1262 16402 DATABASE - the shop own\n3340; 0 0 COMMENT - DATABASE the shop own\n"
      "3341; 0 0 ACL - DATABASE the shop own\n3342; 0 0 DATABASE PROPERTIES - the shop own\n"
      "216; 1259 16388 TABLE s t shop\n3370; 0 0 ACL s TABLE t shop\n";
  const auto ids = [&](const std::string& name, const std::string& contents_) {
    const auto out = relay_run({"dump-database", name}, contents_);
    REQUIRE(out.done());
    std::vector<std::int64_t> found;
    for (const Record& record : out.of(Record::Kind::entry)) found.push_back(record.number[0]);
    return found;
  };
  CHECK(ids("the shop", text) == std::vector<std::int64_t>{3339, 3340, 3341, 3342});
  CHECK(ids("shop", text).empty());
  CHECK(ids("the", text).empty());
  CHECK(ids("the shop", "").empty());
  std::string many = "1; 1 1 DATABASE - x own\n";
  for (int i = 0; i < 9; ++i) many += "2; 0 0 ACL - DATABASE x own\n";
  CHECK_FALSE(relay_run({"dump-database", "x"}, many).done());
}

TEST_CASE("how a database was made, where it is nothing but words and plain literals") {
  const auto clause = [](const std::string& text) {
    const auto out = relay_run({"database-clause"}, text);
    REQUIRE(out.done());
    const auto entries = out.of(Record::Kind::entry);
    return entries.empty() ? std::string("none") : std::string(entries[0].view());
  };
  CHECK(clause("SET x = 1;\nCREATE DATABASE lat WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE_PROVIDER = libc "
               "LOCALE = 'de_DE.iso88591@euro';\nALTER DATABASE lat OWNER TO own;\n") ==
        "ENCODING = 'LATIN1' LOCALE_PROVIDER = libc LOCALE = 'de_DE.iso88591@euro'");
  CHECK(clause("CREATE DATABASE \" WITH TEMPLATE = template0 \" WITH TEMPLATE = template0 ENCODING = 'UTF8';\n") ==
        "ENCODING = 'UTF8'");
  CHECK(clause("CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = 'UTF8'; DROP DATABASE b;\n") == "none");
  CHECK(clause("CREATE DATABASE a WITH TEMPLATE = template0 ENCODING = '\\! id';\n") == "none");
  CHECK(clause("CREATE DATABASE a;\nCREATE DATABASE b WITH TEMPLATE = template0 ENCODING = 'UTF8';\n") == "none");
  CHECK(clause("") == "none");
}

TEST_CASE("a table that is not there, or is of another schema, has nothing") {
  CHECK(belongings("s", "no").empty());
  CHECK(belongings("public", "t").empty());
  CHECK(belongings("s", "v").empty());
  CHECK(belongings("s", "t", "").empty());
}

TEST_CASE("names of two words, and of anything else that a line can hold") {
  CHECK(belongings("s", "t x") == Ids{{218, definition}, {3360, rows}});
  CHECK(
      belongings("odd one", "Table (a;\"",
                 "7; 1259 9 TABLE odd one Table (a;\" shop\n9; 0 9 TABLE DATA odd one Table (a;\" shop\n;\tdepends on: 7\n") ==
      Ids{{7, definition}, {9, rows}});
  CHECK(belongings("s", "t", "7; 1259 9 TABLE s t x shop\n9; 0 9 TABLE DATA s t x shop\n;\tdepends on: 7\n").empty());
  CHECK(relay_run({"dump-contents", "s t", "x"}, "7; 1259 9 TABLE s t x shop\n8; 1259 10 TABLE s t x shop\n")
            .failed(Exit::bad_data));  // "s t".x and s."t x"
  CHECK(belongings("s", "\xff", "7; 1259 9 TABLE s \xff shop\n") == Ids{{7, definition}});
  CHECK(belongings("s", "t", "7; 1259 9 TABLE DATA s t shop\n").empty());
}

TEST_CASE("X5: lines that are no entries are passed over, and cycles end") {
  for (const char* line :
       {"", ";", ";\tdepends on:", ";\tdepends on: x 1", "x", "1", "1;", "1; 2", "1; 2 x TABLE s t o",
        "99999999999999999999; 1 1 TABLE s t o", "-; 1 1 TABLE s t o", " 1; 1 1 TABLE s t o", "; 1; 1 1 TABLE s t o"}) {
    const auto out = relay_run({"dump-contents", "s", "t"}, std::string(line) + "\n");
    REQUIRE_MESSAGE(out.done(), line);
    CHECK_MESSAGE(out.records.size() == 1, line);
    CHECK_MESSAGE(out.last().number[0] == 0, line);
  }
  CHECK(belongings("s", "t", "1; 0 0 TABLE s t o\n;\tdepends on: 2\n2; 0 0 INDEX s i o\n;\tdepends on: 1 2\n").size() == 1);
  CHECK(
      belongings("s", "t", "1; 0 0 TABLE s t o\n2; 0 0 RULE s r o\n;\tdepends on: 1 3\n3; 0 0 RULE s q o\n;\tdepends on: 2 3\n")
          .size() == 3);
  for (const std::string& text : backupctl::test::hostile_inputs()) {
    const auto out = relay_run({"dump-contents", "s", "t"}, text);
    REQUIRE(out.done());
    CHECK(out.last().number[0] == 0);
  }
  std::string long_name = "1; 0 0 TABLE DATA s " + std::string(1 << 20, 'x') + " o\n2; 0 0 TABLE DATA s t o\n";
  CHECK(relay_run({"dump-contents", "", ""}, long_name).last().number[1] == 2);
}

TEST_CASE("X5: more entries than a dump can have are refused") {
  std::string many;
  for (int i = 0; i < 1'000'000; ++i) many += "1; 0 0 x\n";
  CHECK(relay_run({"dump-contents", "", ""}, many).last().number[0] == 1'000'000);
  many += "1; 0 0 x\n";
  CHECK(relay_run({"dump-contents", "", ""}, many).failed(Exit::bad_data));
}
