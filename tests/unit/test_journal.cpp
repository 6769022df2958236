#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <algorithm>

#include "common/sha256.h"
#include "gate/journal/journal.h"
#include "gate/journal/line.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;
using journal::Durability;

namespace {

constexpr const char* file = "journal/journal.jsonl";

void append_some(StateFixture& fixture, int count) {
  for (int i = 0; i < count; ++i)
    REQUIRE(journal::append(fixture.state(), {"request", {{"n", std::to_string(i)}}}, Durability::later));
}

std::size_t faults(StateFixture& fixture) {
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  return verdict->faults.size();
}

std::string without_line(const std::string& text, int number) {
  std::string out;
  std::size_t begin = 0;
  for (int i = 0; begin < text.size(); ++i) {
    const std::size_t end = text.find('\n', begin) + 1;
    if (i != number) out += text.substr(begin, end - begin);
    begin = end;
  }
  return out;
}

}  // namespace

TEST_CASE("X9: a chain that nobody touched is whole") {
  StateFixture fixture;
  CHECK(faults(fixture) == 0);
  append_some(fixture, 5);
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  CHECK(verdict->faults.empty());
  CHECK(verdict->entries == 5);
  CHECK(verdict->head == journal::head(fixture.state()));
}

TEST_CASE("X9: a changed entry is found, wherever it is") {
  for (const char* number : {"0", "2", "4"}) {
    StateFixture fixture;
    append_some(fixture, 5);
    std::string text = fixture.read(file);
    const std::size_t at = text.find(std::string("\"n\":\"") + number);
    REQUIRE(at != std::string::npos);
    text[at + 5] = '9';
    fixture.write(file, text);
    CHECK_MESSAGE(faults(fixture) > 0, "entry ", number);
  }
}

TEST_CASE("X9: a missing entry is found, wherever it was, also after the chain went on") {
  for (int number = 0; number < 5; ++number) {
    StateFixture fixture;
    append_some(fixture, 5);
    fixture.write(file, without_line(fixture.read(file), number));
    CHECK_MESSAGE(faults(fixture) > 0, "entry ", number);
    append_some(fixture, 2);
    CHECK_MESSAGE(faults(fixture) > 0, "entry ", number, ", later");
  }
}

TEST_CASE("X9: a journal that was emptied is found") {
  StateFixture fixture;
  append_some(fixture, 3);
  fixture.write(file, "");
  CHECK(faults(fixture) > 0);
  append_some(fixture, 1);
  CHECK(faults(fixture) > 0);
}

TEST_CASE("X9: a last line that a crash cut off is repaired, and the repair is said") {
  StateFixture fixture;
  append_some(fixture, 3);
  fixture.write(file, fixture.read(file) + R"({"seq":4,"time":"2026-)");
  CHECK(faults(fixture) == 1);
  append_some(fixture, 1);
  CHECK(faults(fixture) == 0);
  CHECK(fixture.read(file).find("\"event\":\"repaired\"") != std::string::npos);
}

TEST_CASE("X10: what an entry says cannot break out of its line") {
  StateFixture fixture;
  REQUIRE(journal::append(fixture.state(),
                          {"refused", {{"request", "a\n{\"seq\":9}\x1b[31m\",\"prev\":\"" + std::string(64, '0')}}},
                          Durability::now));
  CHECK(faults(fixture) == 0);
  const std::string text = fixture.read(file);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("X11: a flood of refusals costs a bounded journal, and its size is said") {
  StateFixture fixture;
  for (int i = 0; i < 1000; ++i) journal::append_refusal(fixture.state(), {"refused", {{"request", "x"}}});
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  CHECK(verdict->entries <= 122);  // 60 a minute, and the loop may see two minutes
  CHECK(verdict->faults.empty());
}

TEST_CASE("X11: so does a flood of requests that only look, and it hides no refusal") {
  StateFixture fixture;
  for (int i = 0; i < 1000; ++i) {
    const auto head = journal::append_look(fixture.state(), {"request", {{"request", "backupctl --status"}}});
    REQUIRE(head.has_value());
    CHECK(*head == journal::head(fixture.state()));
  }
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  CHECK(verdict->entries <= 122);
  CHECK(verdict->faults.empty());
  journal::append_refusal(fixture.state(), {"refused", {{"request", "the one that matters"}}});
  CHECK(fixture.read(file).find("the one that matters") != std::string::npos);
}

TEST_CASE("writers at the same time make one chain") {
  StateFixture fixture;
  for (int child = 0; child < 4; ++child)
    if (::fork() == 0) {
      for (int i = 0; i < 25; ++i) static_cast<void>(journal::append(fixture.state(), {"request", {}}, Durability::later));
      ::_exit(0);
    }
  for (int child = 0; child < 4; ++child) ::wait(nullptr);
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  CHECK(verdict->entries == 100);
  CHECK(verdict->faults.empty());
}

namespace {

/// A whole chain of more than 64 MiB, so that whoever writes next rotates it. @return the number of its entries.
std::uint64_t write_full_journal(StateFixture& fixture) {
  journal::Entry entry{"request", {}};
  for (int i = 0; i < 9; ++i) entry.fields.emplace_back("text", std::string(1500, 'x'));
  journal::Position at;
  std::string text;
  while (text.size() <= (64U << 20)) {
    const std::string line = journal::format_line(entry, at, 1'000'000'000);
    at = {at.sequence + 1, to_hex(sha256(line))};
    text += line + "\n";
  }
  fixture.write(file, text);
  journal::write_head(fixture.state(), at);
  return at.sequence;
}

}  // namespace

TEST_CASE("X9: writers that wait while the journal is rotated lose nothing and go on with one chain") {
  constexpr std::uint64_t writers = 6;
  constexpr std::uint64_t entries = 20;
  StateFixture fixture;
  const std::uint64_t before = write_full_journal(fixture);
  {
    // All of them have the full file open before the first rotates it.
    UniqueFd held(::openat(fixture.state().fd(), file, O_RDONLY | O_CLOEXEC));
    REQUIRE(::flock(held.get(), LOCK_EX) == 0);
    for (std::uint64_t child = 0; child < writers; ++child)
      if (::fork() == 0) {
        held.reset();
        int failed = 0;
        for (std::uint64_t i = 0; i < entries; ++i)
          failed += journal::append(fixture.state(), {"request", {}}, Durability::later) ? 0 : 1;
        ::_exit(failed);
      }
    ::usleep(300'000);
  }
  for (std::uint64_t child = 0; child < writers; ++child) {
    int status = -1;
    ::wait(&status);
    CHECK(status == 0);
  }
  const auto verdict = journal::verify(fixture.state());
  REQUIRE(verdict.has_value());
  CHECK(verdict->faults.empty());
  CHECK(verdict->entries == before + writers * entries);
  const std::string rotated = fixture.read(fmt::format("journal/journal-{:012}.jsonl", before));
  CHECK(rotated.size() > (64U << 20));
}

TEST_CASE("X9: a rotated journal is never overwritten") {
  StateFixture fixture;
  const std::string rotated = fmt::format("journal/journal-{:012}.jsonl", write_full_journal(fixture));
  fixture.write(rotated, "old");
  CHECK_FALSE(journal::append(fixture.state(), {"request", {}}, Durability::later));
  CHECK(fixture.read(rotated) == "old");
}

TEST_CASE("X9: a fault found at the moment of rotation is said, and the chain goes on") {
  StateFixture fixture;
  write_full_journal(fixture);
  fixture.write(file, fixture.read(file) + R"({"seq":)");
  append_some(fixture, 2);
  CHECK(faults(fixture) == 0);
  CHECK(fixture.read(file).size() < 4096);
}
