#include <doctest/doctest.h>

#include "gate/relay/table_rows.h"
#include "relay_harness.h"

using backupctl::Exit;
using backupctl::Record;
using backupctl::test::relay_run;

namespace {

using Rows = std::vector<std::pair<std::string, std::int64_t>>;

Rows rows_of(const backupctl::test::Reported& out) {
  Rows rows;
  for (const Record& record : out.of(Record::Kind::entry)) rows.emplace_back(record.view(), record.number[0]);
  return rows;
}

}  // namespace

TEST_CASE("rows of a dump, by the names that SQL has for its tables") {
  const auto out = relay_run({"dump-rows"},
                             "SET x = 1;\nCOPY not a table;\n--\nCOPY public.a (i, t) FROM stdin;\n1\tx\n\\\\.\n2\t\\N\n\\.\n\n"
                             "COPY \"odd one\".\"Table (a\" (i, \"the text\") FROM stdin;\n1\n\\.\n"
                             "COPY public.\"q\"\" FROM stdin;\" (i) FROM stdin;\n\\.\n"
                             "COPY public.none FROM stdin;\n\n\n\\.\n");
  REQUIRE(out.done());
  CHECK(rows_of(out) == Rows{{"public.a", 3},
                             {"\"odd one\".\"Table (a\"", 1},
                             {"public.\"q\"\" FROM stdin;\"", 0},
                             {"public.none", 2}});  // a table without columns has empty lines for rows
  CHECK(out.last().number[0] == 4);
  CHECK(out.last().number[1] == 6);
}

TEST_CASE("rows that look like the beginning or the end of a table are rows") {
  const auto out =
      relay_run({"dump-rows"}, "COPY public.a (t) FROM stdin;\nCOPY public.b (t) FROM stdin;\n\\.x\n \\.\n\\. \n\\.\n");
  CHECK(rows_of(out) == Rows{{"public.a", 4}});
}

TEST_CASE("X5: names with line breaks: the table is counted, and no row of it is the beginning of another") {
  const auto out = relay_run({"dump-rows"},
                             "COPY public.\"new\nline\" (t, \"a\n\"\"b\") FROM stdin;\nCOPY public.a (t) FROM stdin;\n\\.\n"
                             "COPY public.a (t) FROM stdin;\nx\n\\.\n");
  REQUIRE(out.done());
  CHECK(rows_of(out) == Rows{{"public.\"new?line\"", 1}, {"public.a", 1}});
}

TEST_CASE("X5: a row longer than any line that is kept is one row") {
  const std::string big(3 << 20, 'x');
  const auto out = relay_run({"dump-rows"}, "COPY a.b (t) FROM stdin;\n" + big + "\n\\." + big + "\nx\n\\.\n");
  REQUIRE(out.done());
  CHECK(rows_of(out) == Rows{{"a.b", 3}});
}

TEST_CASE("a dump that ends within a table is none") {
  const std::string text = "COPY a.b (t) FROM stdin;\n1\n\\.\nCOPY a.c (t) FROM stdin;\n2\n\\.\n";
  const std::size_t first = text.find('\n'), second = text.find("COPY a.c"), second_copy = text.find('\n', second);
  const std::size_t first_end = text.find("\\.") + 2, second_end = text.rfind("\\.") + 2;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const bool within = (size >= first && size < first_end) || (size >= second_copy && size < second_end);
    CHECK_MESSAGE(relay_run({"dump-rows"}, text.substr(0, size)).failed(Exit::bad_data) == within, size);
  }
}

TEST_CASE("rows as the database counts them") {
  const auto out = relay_run({"query-rows"}, "public.a\t7\n\"odd\tone\".b\t0\ne.f\t-1\nclients\t12\n");
  REQUIRE(out.done());
  CHECK(rows_of(out) == Rows{{"public.a", 7}, {"\"odd\tone\".b", 0}, {"e.f", -1}, {"clients", 12}});
  CHECK(out.last().number[0] == 4);
}

TEST_CASE("X5: what is no name and number is passed over") {
  for (const char* line :
       {"", "\t", "a", "a\t", "a\tx", "a\t1x", "a\t 1", "a\t1 ", "a\t+1", "a\t1.0", "a\t99999999999999999999"}) {
    const auto out = relay_run({"query-rows"}, std::string(line) + "\n");
    REQUIRE_MESSAGE(out.done(), line);
    CHECK_MESSAGE(out.records.size() == 1, line);
  }
  for (const std::string& text : backupctl::test::hostile_inputs())
    for (const char* mode : {"dump-rows", "query-rows"}) {
      const auto out = relay_run({mode}, text);
      REQUIRE(out.done());
      CHECK(out.records.size() == 1);
    }
}

TEST_CASE("X5: more tables than are counted are refused") {
  std::string many, dump;
  for (int i = 0; i < 100'000; ++i) many += "t\t1\n", dump += "COPY t (a) FROM stdin;\n\\.\n";
  CHECK(relay_run({"query-rows"}, many).last().number[1] == 100'000);
  CHECK(relay_run({"dump-rows"}, dump).last().number[0] == 100'000);
  CHECK(relay_run({"query-rows"}, many + "t\t1\n").failed(Exit::bad_data));
  CHECK(relay_run({"dump-rows"}, dump + "COPY t (a) FROM stdin;\n\\.\n").failed(Exit::bad_data));
}
