#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "gate/relay/line_reader.h"
#include "relay_harness.h"

using backupctl::relay::LineReader;

TEST_CASE("lines, whole and cut, with their ends") {
  const auto fd = backupctl::test::fd_of(std::string("a\n\nb\0c\n", 7) + std::string(300000, 'x') + "\nd\n" + "end");
  LineReader reader(fd.get(), 4);
  LineReader::Line line;
  struct Expected {
    std::string_view text;
    bool cut;
    bool ended;
  };
  for (const Expected& expected : {Expected{"a", false, true},
                                   {"", false, true},
                                   {std::string_view("b\0c", 3), false, true},
                                   {"xxxx", true, true},
                                   {"d", false, true},
                                   {"end", false, false}}) {
    REQUIRE(reader.next(line) == true);
    CHECK(line.text == expected.text);
    CHECK(line.cut == expected.cut);
    CHECK(line.ended == expected.ended);
  }
  CHECK(reader.next(line) == false);
  CHECK(reader.next(line) == false);
}

TEST_CASE("a line is handed out as soon as it is there") {
  const auto pipe = backupctl::make_pipe();
  REQUIRE(pipe);
  LineReader reader(pipe->read.get(), 100);
  LineReader::Line line;
  REQUIRE(backupctl::write_all(pipe->write.get(), "first\nsec"));
  REQUIRE(reader.next(line) == true);
  CHECK(line.text == "first");
  REQUIRE(backupctl::write_all(pipe->write.get(), "ond\n"));
  REQUIRE(reader.next(line) == true);
  CHECK(line.text == "second");
}

TEST_CASE("what cannot be read is an error") {
  LineReader reader(-1, 100);
  LineReader::Line line;
  CHECK(reader.next(line).error().exit == backupctl::Exit::io_error);
}

TEST_CASE("X5: a line without end costs bounded memory") {
  auto pipe = backupctl::make_pipe();
  REQUIRE(pipe);
  const pid_t writer = ::fork();
  if (writer == 0) {
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 128; ++i)
      if (!backupctl::write_all(pipe->write.get(), piece)) break;
    ::_exit(0);
  }
  pipe->write.reset();
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  const long before = peak();
  LineReader reader(pipe->read.get(), 65536);
  LineReader::Line line;
  REQUIRE(reader.next(line) == true);
  CHECK(line.cut);
  CHECK(line.text.size() == 65536);
  CHECK(peak() - before < 16384);
  ::waitpid(writer, nullptr, 0);
}
