#include <doctest/doctest.h>

#include "gate/relay/log_line.h"
#include "gate/relay/secrets.h"
#include "relay_harness.h"

using namespace backupctl::relay;

TEST_CASE("a line of rclone's JSON log") {
  const auto line = parse_log_line(
      R"x({"level":"warning","msg":"Skipped copy as --dry-run is set (size 4)","object":"d/f6","size":4,"skipped":"copy"})x");
  CHECK(line.level == LogLevel::notice);
  CHECK(line.object == "d/f6");
  CHECK(line.skipped == "copy");
  CHECK(!line.stats);
}

TEST_CASE("statistics, with figures of every kind") {
  const auto line = parse_log_line(
      R"({"level":"notice","msg":"x","stats":{"bytes":17,"checks":5,"deletes":2,"errors":1,"eta":null,"speed":12.75,)"
      R"("totalBytes":99999999999,"renames":3,"transfers":6,"transferring":[{"bytes":1,"name":"n","eta":4}],"checking":["a"]}})");
  REQUIRE(line.stats);
  CHECK(line.stats->bytes == 17);
  CHECK(line.stats->checks == 5);
  CHECK(line.stats->deletes == 2);
  CHECK(line.stats->errors == 1);
  CHECK(line.stats->eta == -1);
  CHECK(line.stats->speed == 12);
  CHECK(line.stats->total_bytes == 99999999999);
  CHECK(line.stats->renames == 3);
  CHECK(line.stats->transfers == 6);
}

TEST_CASE("figures that are none are unknown, not garbage") {
  const auto line = parse_log_line(
      R"({"msg":"x","stats":{"bytes":1e300,"checks":-4,"deletes":18446744073709551615,"speed":"fast","transfers":[7],"eta":{}}})");
  REQUIRE(line.stats);
  CHECK(line.stats->bytes == -1);
  CHECK(line.stats->checks == -1);
  CHECK(line.stats->deletes == -1);
  CHECK(line.stats->speed == -1);
  CHECK(line.stats->transfers == 0);
  CHECK(line.stats->eta == -1);
}

TEST_CASE("what is no JSON object with a message is a plain line") {
  for (const char* text :
       {"panic: runtime error: invalid memory address", "goroutine 1 [running]:", "{", "{}", "[]", "{\"msg\":1}",
        "{\"level\":\"error\"}", "{\"msg\":\"x\"", "{\"msg\":\"x\"} trailing", "[{\"msg\":\"x\"}]"}) {
    const auto line = parse_log_line(text);
    CHECK_MESSAGE(line.level == LogLevel::plain, text);
    CHECK(line.message == text);
  }
  CHECK(parse_log_line(R"({"level":"emergency","msg":"x"})").level == LogLevel::error);
  CHECK(parse_log_line(R"({"level":"of a later version","msg":"x"})").level == LogLevel::notice);
  CHECK(parse_log_line(R"({"level":"debug","msg":"x"})").level == LogLevel::quiet);
}

TEST_CASE("a name cannot pass for statistics or an action") {
  const auto line = parse_log_line(
      R"({"level":"error","msg":"m","object":"\",\"skipped\":\"delete\",\"stats\":{\"deletes\":9}","extra":{"skipped":"delete"}})");
  CHECK(line.skipped.empty());
  CHECK(!line.stats);
}

TEST_CASE("X5: hostile lines end in a plain line") {
  for (const std::string& text : backupctl::test::hostile_inputs()) {
    const auto line = parse_log_line("{\"msg\":\"x\",\"a\":" + text);
    CHECK(line.level == LogLevel::plain);
  }
}

TEST_CASE("X5: nesting has a bound, though it be valid") {
  const auto nested = [](std::size_t depth) {
    return R"({"msg":"x","a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  CHECK(parse_log_line(nested(16)).message == "x");
  CHECK(parse_log_line(nested(17)).level == LogLevel::plain);
}

TEST_CASE("X10: secrets are left out, the words of help are not") {
  for (const char* text : {"HTTP REQUEST Authorization: Bearer abc", "{\"access_token\":\"x\"}", "url?sig=abc",
                           "https://up.example/x?tempauth=v1.e", "AZURE_STORAGE_ACCOUNT_KEY=abc", "token = {\"token\":\"x\"}",
                           "X-Amz-Security-Token: x", "PASSWORD=hunter2"}) {
    const std::string out = without_secrets(text);
    CHECK_MESSAGE(out.find("left out") != std::string::npos, text);
  }
  CHECK(without_secrets("got " + std::string(200, 'A') + " back") == "got [left out: may hold a secret]");
  CHECK(without_secrets("front Authorization: Bearer abc tail") == "front [left out: may hold a secret]");
  for (const std::string& text :
       {std::string("couldn't fetch token: invalid_grant: maybe token expired? - try refreshing with \"rclone config reconnect "
                    "onedrive:\""),
        "d/" + std::string(64, 'a') + "/" + std::string(64, 'b') + ".jpg: Failed to copy", std::string("wrong password")})
    CHECK(without_secrets(text) == text);
}
