#include <doctest/doctest.h>

#include "gate/relay/compare_lists.h"
#include "relay_harness.h"

using namespace backupctl;

namespace {

std::string line(std::string_view path, std::string_view rest = R"("type":"file")") {
  return fmt::format(R"({{"path":"{}",{}}})", path, rest);
}

std::string manifest_of(const std::vector<std::string>& lines) {
  std::string text = "{\"signed\":{},\n\"signature\":{},\n\"files\":[\n";
  for (std::size_t i = 0; i < lines.size(); ++i) text += lines[i] + (i + 1 < lines.size() ? ",\n" : "\n");
  return text + "]}\n";
}

std::string list_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& one : lines) text += one + "\n";
  return text;
}

/// "missing a, extra b, different c" of what the mode names.
std::string compared(const std::vector<std::string>& wanted, const std::vector<std::string>& got) {
  const auto out = test::relay_run({"compare"}, manifest_of(wanted), list_of(got));
  REQUIRE(out.done());
  std::string text;
  constexpr const char* words[] = {"", "missing ", "extra ", "different "};
  for (const Record& record : out.of(Record::Kind::entry))
    text += (text.empty() ? "" : ", ") + std::string(words[record.number[0]]) + std::string(record.view());
  CHECK(out.last().number[1] == static_cast<std::int64_t>(wanted.size()));
  CHECK(out.last().number[2] == static_cast<std::int64_t>(got.size()));
  return text;
}

}  // namespace

TEST_CASE("lists that are equal, and what differs in others") {
  const std::vector<std::string> all = {line("."), line("a"), line("a/b"), line("a/c"), line("a b"), line("z \\\" q")};
  CHECK(compared(all, all) == "");
  CHECK(compared({}, {}) == "");
  CHECK(compared(all, {line("."), line("a"), line("a/c"), line("a b"), line("z \\\" q")}) == "missing a/b");
  CHECK(compared({line("."), line("a b")}, {line("."), line("a"), line("a/b"), line("a b")}) == "extra a, extra a/b");
  CHECK(compared(all, {line("."), line("a"), line("a/b", R"("type":"dir")"), line("a/c"), line("a b"), line("z \\\" q")}) ==
        "different a/b");
  CHECK(compared(all, {}) == "missing ., missing a, missing a/b, missing a/c, missing a b, missing z \\\" q");
  CHECK(compared({}, {line("x")}) == "extra x");
  CHECK(compared({line("a"), line("b")}, {line("b"), line("c")}) == "missing a, extra c");
}

TEST_CASE("X5: however much differs, little is said; what is no list is refused") {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back(line(fmt::format("{:04}", i)));
  const auto out = test::relay_run({"compare"}, manifest_of(many), "");
  REQUIRE(out.done());
  CHECK(out.of(Record::Kind::entry).size() == relay::most_named);
  CHECK(out.last().number[0] == 1000);
  for (const std::string& text : {std::string("x\n"), std::string("{\"path\":\"a\n"), std::string("{\"Path\":\"a\"}\n"),
                                  std::string("\n"), std::string("{\"path\":\"a\\\"")})
    CHECK(test::relay_run({"compare"}, manifest_of(many), text).failed(Exit::bad_data));
  CHECK(test::relay_run({"compare"}, "1\n2\n3\nrubbish\n", "").failed(Exit::bad_data));
}
