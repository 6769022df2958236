#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "gate/source/exclude.h"

using backupctl::archive::Excludes;

namespace {

Excludes excludes(std::vector<std::string> patterns) {
  auto parsed = Excludes::parse(patterns);
  REQUIRE(parsed.has_value());
  return *parsed;
}

}  // namespace

TEST_CASE("a pattern is compared with files at any depth, or at the top alone") {
  struct Case {
    const char* pattern;
    const char* path;
    bool left_out;
  };
  for (const Case& c : std::vector<Case>{
           {"*.tmp", "a.tmp", true},
           {"*.tmp", "deep/er/a.tmp", true},
           {"*.tmp", "a.tmp.txt", false},
           {"*.tmp", "a.tmp/b", false},
           {"/top", "top", true},
           {"/top", "a/top", false},
           {"top", "a/top", true},
           {"top", "atop", false},
           {"a?c", "abc", true},
           {"a?c", "a/c", false},
           {"a*c", "a/c", false},
           {"a**c", "a/b/c", true},
           {"/a/**/z", "a/b/c/z", true},
           {"/a/**/z", "b/a/b/z", false},
           {"/*", "top", true},
           {"/*", "a/top", false},
           {"a*b*c", "aXbYbZc", true},
           {"a*b*c", "aXbYbZ", false},
           {"dir/*.log", "x/dir/1.log", true},
           {"dir/*.log", "dir/x/1.log", false},
       }) {
    CAPTURE(c.pattern);
    CAPTURE(c.path);
    CHECK(excludes({c.pattern}).file(c.path) == c.left_out);
  }
}

TEST_CASE("a trailing /** leaves out what is beneath a directory, and the directory itself not") {
  const Excludes list = excludes({"cache/**", "/logs/"});
  CHECK(list.contents("cache"));
  CHECK(list.contents("a/b/cache"));
  CHECK(list.contents("logs"));
  CHECK_FALSE(list.contents("a/logs"));
  CHECK_FALSE(list.contents("mycache"));
  CHECK_FALSE(list.file("cache"));
}

TEST_CASE("what rclone would read differently is refused") {
  for (const char* pattern : {"a[bc]", "{a,b}", "a\\*", "", "/", "/**", "**", "*", "*/**", "**/x{", "a\nb"}) {
    CAPTURE(pattern);
    CHECK_FALSE(Excludes::parse(std::vector<std::string>{pattern}).has_value());
  }
}

TEST_CASE("stars without end take no time without end (X5)") {
  std::string pattern, path;
  for (int i = 0; i < 300; ++i) pattern += "*a";
  CHECK_FALSE(excludes({pattern + "b"}).file(std::string(4000, 'a')));
}
