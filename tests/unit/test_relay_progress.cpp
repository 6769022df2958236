#include <doctest/doctest.h>

#include "gate/relay/progress.h"
#include "relay_harness.h"

using backupctl::Record;
using backupctl::relay::parse_log_line;
using backupctl::test::relay_run;

namespace {

std::string stats(int bytes, int errors = 0) {
  return R"({"level":"warning","msg":"Transferred","stats":{"bytes":)" + std::to_string(bytes) +
         R"(,"totalBytes":100,"errors":)" + std::to_string(errors) +
         R"(,"checks":4,"deletes":2,"transfers":3,"speed":10,"eta":9}})" + "\n";
}

}  // namespace

TEST_CASE("progress comes at most once a second, and the result has the last figures") {
  const auto report = backupctl::test::fd_of({});
  backupctl::relay::Progress progress(report.get());
  using std::chrono::milliseconds;
  for (int at = 0; at <= 5000; at += 100) progress.take(parse_log_line(stats(at)), milliseconds(at));
  const Record result = progress.finish();
  CHECK(backupctl::test::content(report).size() == 6 * sizeof(Record));
  CHECK(result.number == decltype(Record::number){0, 5000, 3, 4, 2, 0, 0, 0});
}

TEST_CASE("a progress record") {
  const auto out = relay_run({"progress"}, stats(40));
  REQUIRE(out.done());
  REQUIRE(out.records.size() == 2);
  CHECK(out.records[0].kind == Record::Kind::progress);
  CHECK(out.records[0].number == decltype(Record::number){40, 100, 10, 9, 3, 4, 2, 0});
}

TEST_CASE("errors become warnings; kinds of error are told") {
  const auto out = relay_run({"progress"},
                             R"({"level":"error","msg":"error reading source root directory: directory not found","object":""})"
                             "\n"
                             R"({"level":"error","msg":"corrupted on transfer: md5 hash differ","object":"a/b"})"
                             "\n"
                             R"({"level":"warning","msg":"Can't follow symlink","object":"l"})"
                             "\n"
                             R"({"level":"info","msg":"Copied"})"
                             "\n" +
                                 stats(7, 2));
  REQUIRE(out.done());
  const auto notes = out.of(Record::Kind::note);
  REQUIRE(notes.size() == 3);
  CHECK(notes[0].number[0] == 1);
  CHECK(notes[1].view() == "a/b: corrupted on transfer: md5 hash differ");
  CHECK(notes[2].number[0] == 0);
  CHECK(out.last().number == decltype(Record::number){2, 7, 3, 4, 2, 1, 1, 2});
}

TEST_CASE("a file's name does not make a kind of error") {
  const auto out = relay_run({"progress"}, R"({"level":"error","msg":"x","object":"directory not found"})"
                                           "\n");
  CHECK(out.last().number[5] == 0);
}

TEST_CASE("an error that a retry made good is not an error, but is told") {
  const auto out = relay_run({"progress"}, R"({"level":"error","msg":"Attempt 1/3 failed"})"
                                           "\n" +
                                               stats(7, 0));
  CHECK(out.last().number[0] == 0);
  CHECK(out.last().number[7] == 1);
  CHECK(relay_run({"progress"}, R"({"level":"error","msg":"x"})"
                                "\n")
            .last()
            .number[0] == 1);
}

TEST_CASE("a Go panic between the lines, and X11: not without end") {
  std::string text = stats(1) + "panic: boom\n\ngoroutine 1 [running]:\n";
  for (int i = 0; i < 1000; ++i) text += "\tmain.go:" + std::to_string(i) + "\n";
  const auto out = relay_run({"progress"}, text);
  REQUIRE(out.done());
  const auto notes = out.of(Record::Kind::note);
  CHECK(notes.size() == 101);
  CHECK(notes[0].view() == "panic: boom");
  CHECK(notes.back().view() == "rclone said 902 more lines, left out here");
}

TEST_CASE("X10: a secret does not pass") {
  const auto out = relay_run({"progress"}, R"({"level":"error","msg":"Authorization: Bearer s3cret"})"
                                           "\n");
  for (const Record& record : out.records) CHECK(record.view().find("s3cret") == std::string_view::npos);
}

TEST_CASE("X5: hostile input ends in a result, its notes bounded") {
  for (const std::string& text : backupctl::test::hostile_inputs()) {
    const auto out = relay_run({"progress"}, text + "\n" + text + "\n" + stats(5));
    CHECK(out.done());
    CHECK(out.last().number[1] == 5);
    CHECK(out.records.size() < 10);
  }
}
