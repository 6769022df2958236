#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gate/source/sorted_names.h"
#include "tests/unit/tree_fixture.h"

using backupctl::archive::SortedNames;

namespace {

std::vector<std::string> all(SortedNames& names, int dir) {
  std::vector<std::string> found;
  for (;;) {
    const auto next = names.next(dir);
    REQUIRE(next.has_value());
    if (next->name == nullptr) return found;
    found.emplace_back(next->name);
  }
}

}  // namespace

TEST_CASE("names come in byte order, whatever fits into memory at a time") {
  const TestTree tree;
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) expected.push_back("n" + std::to_string(i * 7919 % 100003));
  expected.emplace_back("\xFFlast");
  expected.emplace_back("Upper");
  for (const std::string& name : expected) tree.file(name);
  std::sort(expected.begin(), expected.end());
  for (const std::size_t limit : {std::size_t{40}, std::size_t{1000}, std::size_t{1} << 20}) {
    SortedNames names(limit);
    const auto dir = tree.open();
    CHECK(all(names, dir.get()) == expected);
    CHECK(names.memory() <= 3 * limit + 8192);
  }
}

TEST_CASE("an empty directory has no names; a descriptor that is none is an error") {
  const TestTree tree;
  SortedNames names(1000);
  CHECK(all(names, tree.open().get()).empty());
  SortedNames broken(1000);
  CHECK_FALSE(broken.next(-1).has_value());
}
