#include <doctest/doctest.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "gate/source/tree_walk.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

/// Writes down what it is told; `at` may change the tree as it is walked.
struct Notes : Visitor {
  std::vector<std::string> seen, missing, left;
  std::function<void(std::string_view)> at = [](std::string_view) {};
  bool wanted(std::string_view path, std::uint8_t) override {
    at(path);
    return true;
  }
  Result<> found(const Found& entry) override {
    seen.emplace_back(entry.path);
    return {};
  }
  bool descend(std::string_view) override { return true; }
  void leave(std::string_view path, const struct stat&, const struct stat&) override { left.emplace_back(path); }
  void lost(NotRead why, std::string_view path, std::string_view) override {
    missing.push_back(std::to_string(static_cast<int>(why)) + " " + std::string(path));
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a directory comes before its contents, names in byte order") {
  const TestTree tree;
  tree.dir("b/c");
  tree.file("b/c/file");
  tree.file("a");
  tree.file("b.txt");
  Notes notes;
  REQUIRE(walk_tree(tree.open(), notes).has_value());
  CHECK(notes.seen == Names{"", "a", "b", "b/c", "b/c/file", "b.txt"});
  CHECK(notes.left == Names{"b/c", "b", ""});
  CHECK(notes.missing.empty());
}

TEST_CASE("a directory that becomes a link is not followed (X5)") {
  const TestTree tree;
  tree.dir("inside/dir");
  tree.dir("outside");
  tree.file("outside/secret");
  Notes notes;
  notes.at = [&](std::string_view path) {
    if (path != "dir") return;
    std::filesystem::remove(tree.at("inside/dir"));
    std::filesystem::create_symlink("../outside", tree.at("inside/dir"));
  };
  REQUIRE(walk_tree(tree.open("inside"), notes).has_value());
  CHECK(notes.seen == Names{"", "dir"});
}

TEST_CASE("what vanishes is said") {
  const TestTree tree;
  tree.file("a");
  tree.file("b");
  Notes notes;
  notes.at = [&](std::string_view path) {
    if (path == "a") std::filesystem::remove(tree.at("b"));
  };
  REQUIRE(walk_tree(tree.open(), notes).has_value());
  CHECK(notes.missing == Names{"3 b"});
}

TEST_CASE("a FIFO that takes a file's place is looked at, not waited for (X5)") {
  const TestTree tree;
  tree.file("f");
  Notes notes;
  notes.at = [&](std::string_view) {
    std::filesystem::remove(tree.at("f"));
    REQUIRE(::mkfifo(tree.at("f").c_str(), 0600) == 0);
  };
  REQUIRE(walk_tree(tree.open(), notes).has_value());
  CHECK(notes.seen == Names{"", "f"});
}

TEST_CASE("a deep directory moved away while it is walked leads nowhere else (X5)") {
  const TestTree tree;
  std::string deep = "top";
  for (int i = 0; i < 100; ++i) deep += "/d";
  tree.dir(deep);
  tree.dir("top/d/d/d/zz");  // comes after the deep one, in a directory whose descriptor is closed by then
  tree.dir("elsewhere/zz");
  tree.file("elsewhere/zz/secret");
  Notes notes;
  const std::string last = deep.substr(4);
  notes.at = [&](std::string_view path) {
    if (path == last) std::filesystem::rename(tree.at("top/d/d/d/d"), tree.at("elsewhere/moved"));
  };
  REQUIRE(walk_tree(tree.open("top"), notes).has_value());
  for (const std::string& path : notes.seen) CHECK(path.find("secret") == std::string::npos);
  CHECK_FALSE(notes.missing.empty());
  CHECK(notes.seen.size() == 101);
}

TEST_CASE("a path without end is cut off and said (X5)") {
  const TestTree tree;
  UniqueFd at = tree.open();
  const std::string name(250, 'n');
  for (int i = 0; i < 300; ++i) {
    REQUIRE(::mkdirat(at.get(), name.c_str(), 0700) == 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  Notes notes;
  REQUIRE(walk_tree(tree.open(), notes).has_value());
  CHECK(notes.missing.size() == 1);
  CHECK(notes.seen.back().size() <= max_path);
}
