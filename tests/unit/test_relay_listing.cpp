#include <doctest/doctest.h>

#include "gate/relay/listing.h"
#include "gate/relay/rfc3339.h"
#include "relay_harness.h"

using backupctl::Exit;
using backupctl::Record;
using backupctl::relay::parse_rfc3339;
using backupctl::test::relay_run;

namespace {

const std::string sha(64, 'a');
const std::string three =
    "[\n"
    R"({"Path":"a.tar.gz","Name":"a.tar.gz","Size":3,"MimeType":"x","ModTime":"2026-11-21T01:15:51.998734050Z","IsDir":false,)"
    R"("Hashes":{"md5":"x","sha256":")" +
    sha +
    "\"}},\n"
    R"({"Path":"d","Name":"d","Size":-1,"ModTime":"2026-11-21T02:15:51+01:00","IsDir":true},)"
    "\n" +
    R"({"Path":"d/b","Name":"b","Size":9007199254740993,"ModTime":"","IsDir":false,"Metadata":{"x":"y"},"Tier":"cool"})"
    "\n]\n";

}  // namespace

TEST_CASE("a listing") {
  const auto out = relay_run({"listing", "10"}, three);
  REQUIRE(out.done());
  REQUIRE(out.records.size() == 4);
  CHECK(out.records[0].view() == "a.tar.gz");
  CHECK(out.records[0].number == decltype(Record::number){3, 1795223751, 0, 1});
  CHECK(out.records[0].digest[31] == 0xaa);
  CHECK(out.records[1].number == decltype(Record::number){-1, 1795223751, 1, 0, 0, 0, 0, 0});
  CHECK(out.records[2].number == decltype(Record::number){9007199254740993, 0, 0, 0, 2, 0, 0, 0});
  CHECK(out.records[2].digest[31] == 0);
  CHECK(out.last().number[0] == 3);
  CHECK(out.last().number[1] == 0);
  CHECK(relay_run({"listing", "10"}, "[\n]\n").done());
}

TEST_CASE("X11: entries beyond the most are counted only") {
  const auto out = relay_run({"listing", "1"}, three);
  CHECK(out.records.size() == 2);
  CHECK(out.last().number[1] == 2);
}

TEST_CASE("odd names are counted only") {
  std::string list = "[";
  for (const std::string_view name :
       {R"(a\u0000b)", R"(a\u001bb)", R"(a\u007f)", R"(a\u009b)", R"(a\ufffd)", "", ".", "..", "../x", "/x", "a/../b", "a//b"})
    list += R"({"Path":")" + std::string(name) + R"(","IsDir":false},)";
  list += R"({"Path":")" + std::string(1025, 'x') + R"(","IsDir":false},{"Path":")" + std::string(1024, 'x') +
          R"(","IsDir":false}])";
  const auto out = relay_run({"listing", "100"}, list);
  REQUIRE(out.done());
  CHECK(out.last().number[0] == 1);
  CHECK(out.last().number[1] == 13);
}

TEST_CASE("X5: what is no listing is refused") {
  for (const std::string& text : backupctl::test::hostile_inputs())
    CHECK(relay_run({"listing", "9"}, text).failed(Exit::bad_data));
  for (const char* text :
       {R"([{"Path":1,"IsDir":false}])", R"([{"Path":"a","IsDir":"no"}])", R"([{"Path":"a"}])", R"([{"IsDir":false}])",
        R"([{"Path":"a","Path":"b","IsDir":false}])", R"([{"Path":"a","Size":1e400,"IsDir":false}])",
        R"([{"Path":"a","Size":99999999999999999999,"IsDir":false}])", R"([{"Path":"a","Size":"1","IsDir":false}])",
        R"([{"Path":"a","IsDir":false,"Hashes":{"sha256":"abc"}}])", R"([{"Path":"a","IsDir":false,"Hashes":{"sha256":7}}])",
        R"([{"Path":"a","IsDir":false}] x)", R"([{"Path":"a","IsDir":false},"x"])", R"({"Path":"a","IsDir":false})"})
    CHECK_MESSAGE(relay_run({"listing", "9"}, text).failed(Exit::bad_data), text);
  for (const char* most : {"", "-1", "x", "9 ", "99999999999999999999"})
    CHECK(relay_run({"listing", most}, "[]").failed(Exit::bug));
}

TEST_CASE("X5: a single piece has a bound, the whole has none") {
  const auto with_name = [](std::size_t size) { return R"([{"Path":")" + std::string(size, 'x') + R"(","IsDir":false}])"; };
  CHECK(relay_run({"listing", "9"}, with_name(backupctl::relay::max_listing_piece - 100)).last().number[1] == 1);
  CHECK(relay_run({"listing", "9"}, with_name(backupctl::relay::max_listing_piece)).failed(Exit::bad_data));
  CHECK(relay_run({"listing", "9"}, "[" + std::string(backupctl::relay::max_listing_piece + 1, ' ') + "]")
            .failed(Exit::bad_data));
  std::string many = "[";
  for (int i = 0; i < 20000; ++i) many += R"({"Path":"f","IsDir":false,"ID":"x"},)";
  many.back() = ']';
  CHECK(relay_run({"listing", "20000"}, many).last().number[0] == 20000);
}

TEST_CASE("a listing that breaks off anywhere is none") {
  for (std::size_t size = 0; size + 2 < three.size(); ++size)
    CHECK(relay_run({"listing", "9"}, three.substr(0, size)).failed(Exit::bad_data));
}

TEST_CASE("RFC 3339") {
  CHECK(parse_rfc3339("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_rfc3339("2026-03-01T02:00:00.5-02:30") == 1772339400);
  for (const char* text :
       {"", "2026-03-01", "2026-03-01T02:00:00", "2026-02-30T02:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T02:00:60Z",
        "2026-03-01T02:00:00.Z", "2026-03-01T02:00:00+1:00", "2026-03-01 02:00:00Z", "2026-03-01T02:00:00Zx",
        "2026-03-01T02:00:00+01:00x", "2026-03-01T0a:00:00Z", "2026-03-01T02:00:00+01-00"})
    CHECK_MESSAGE(!parse_rfc3339(text), text);
}
