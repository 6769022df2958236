#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/record.h"
#include "gate/snapshot/info.h"
#include "gate/snapshot/stage.h"
#include "gate/snapshot/staged_list.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::snapshot;

namespace {

using Words = std::vector<std::string>;
const std::string boot = "11111111-2222-3333-4444-555555555555";
const std::string other_boot = "99999999-2222-3333-4444-555555555555";

/// A source and its staging directory, and what the last pass reported.
struct World {
  TestTree tree;
  Record result;
  World() {
    tree.dir("source");
    tree.dir("staging");
  }
  /// Old enough for its stamp to be believed: the coarsest clock takes two seconds, and times are compared in whole ones.
  void settle() const { ::usleep(3'100'000); }
  int pass_over(Words args = {"--boot", boot}) {
    int fds[2];
    REQUIRE(::pipe(fds) == 0);
    const int status = stage(args, tree.open("source"), tree.open("staging"), fds[1]);
    ::close(fds[1]);
    for (Record record; ::read(fds[0], &record, sizeof record) == static_cast<ssize_t>(sizeof record);) result = record;
    ::close(fds[0]);
    return status;
  }
  [[nodiscard]] std::string staged(const std::string& path) const {
    std::ifstream in(tree.at("staging/tree/" + path), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] bool has(const std::string& path) const { return ::access(tree.at("staging/tree/" + path).c_str(), F_OK) == 0; }
  [[nodiscard]] ino_t inode(const std::string& path) const {
    struct stat st {};
    return ::stat(tree.at("staging/tree/" + path).c_str(), &st) == 0 ? st.st_ino : 0;
  }
};

std::vector<std::string> paths(const World& world, const std::string& name) {
  ListReader list(UniqueFd(::open(world.tree.at("staging/" + name).c_str(), O_RDONLY | O_CLOEXEC)));
  std::vector<std::string> found;
  if (list.boot())
    for (auto entry = list.next(); entry; entry = list.next())
      found.push_back(entry->path + (entry->stamp.open != 0 ? "!" : ""));
  return found;
}

void write_list(const World& world, const std::string& name, const std::string& of_boot,
                const std::vector<std::pair<std::string, Stamp>>& entries) {
  ListWriter list(UniqueFd(::open(world.tree.at("staging/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)));
  REQUIRE(list.begin(of_boot));
  for (const auto& [path, stamp] : entries) REQUIRE(list.add(path, stamp));
  REQUIRE(list.flush());
}

Stamp of_type(mode_t type, std::uint32_t open = 0) {
  Stamp stamp;
  stamp.type = type;
  stamp.open = open;
  return stamp;
}

}  // namespace

TEST_CASE("paths are ordered as a tree is walked") {
  CHECK(walks_before("", "a"));
  CHECK(walks_before("a", "a/b"));
  CHECK(walks_before("a/b", "a.b"));  // all of a comes before what only begins like it
  CHECK(walks_before("a/\xff", "a b"));
  CHECK_FALSE(walks_before("a", "a"));
  CHECK(is_within("a/b/c", "a/b"));
  CHECK_FALSE(is_within("a/bc", "a/b"));
}

TEST_CASE("a second pass copies what changed, and nothing else") {
  World world;
  world.tree.file("source/steady", "steady");
  world.tree.file("source/changes", "one");
  world.tree.file("source/goes", "x");
  world.tree.dir("source/dir/deep");
  world.tree.file("source/dir/deep/file", "x");
  REQUIRE(::link(world.tree.at("source/steady").c_str(), world.tree.at("source/zlink").c_str()) == 0);
  world.settle();
  REQUIRE(world.pass_over() == 0);
  CHECK(world.result.number[3] == 0);
  CHECK(world.inode("steady") == world.inode("zlink"));
  const ino_t steady = world.inode("steady");
  world.tree.file("source/changes", "two");
  REQUIRE(::unlink(world.tree.at("source/goes").c_str()) == 0);
  std::filesystem::remove_all(world.tree.at("source/dir"));
  world.tree.file("source/dir", "now a file");
  REQUIRE(world.pass_over() == 0);
  CHECK(world.result.number[1] == 2);  // changes, dir
  CHECK(world.staged("changes") == "two");
  CHECK(world.staged("dir") == "now a file");
  CHECK_FALSE(world.has("goes"));
  CHECK(world.inode("steady") == steady);
  CHECK(world.inode("zlink") == steady);
}

TEST_CASE("D2: a file that changed too lately to be told by its times is copied again, with all its names") {
  World world;
  world.tree.file("source/young", "one");
  REQUIRE(::link(world.tree.at("source/young").c_str(), world.tree.at("source/zlink").c_str()) == 0);
  REQUIRE(world.pass_over() == 0);
  CHECK(world.result.number[4] == 3);  // bytes to be copied again
  const ino_t first = world.inode("young");
  REQUIRE(world.pass_over() == 0);
  CHECK(world.inode("young") != first);
  CHECK(world.inode("young") == world.inode("zlink"));
}

TEST_CASE("a copy that nothing is known of is made anew") {
  World world;
  world.tree.file("source/file", "right");
  world.settle();
  SUBCASE("a list of another boot: nothing waited for the disk") {
    REQUIRE(world.pass_over({"--boot", other_boot}) == 0);
    std::ofstream(world.tree.at("staging/tree/file")) << "wrong";  // as after a power failure: size and list agree
    REQUIRE(world.pass_over() == 0);
    CHECK(world.staged("file") == "right");
  }
  SUBCASE("a finished snapshot is believed across boots") {
    REQUIRE(world.pass_over({"--boot", other_boot}) == 0);
    const ino_t file = world.inode("file");
    REQUIRE(world.pass_over({"--boot", boot, "--any-boot"}) == 0);
    CHECK(world.inode("file") == file);
  }
  SUBCASE("no list, and something there") {
    world.tree.dir("staging/tree/junk");
    world.tree.file("staging/tree/junk/x");
    REQUIRE(world.pass_over() == 0);
    CHECK_FALSE(world.has("junk"));
    CHECK(world.staged("file") == "right");
  }
  SUBCASE("a file is missing in the copy") {
    REQUIRE(world.pass_over() == 0);
    REQUIRE(::unlink(world.tree.at("staging/tree/file").c_str()) == 0);
    REQUIRE(world.pass_over() == 0);
    CHECK(world.staged("file") == "right");
  }
}

TEST_CASE("a pass that was broken off: its entries, and from where it ended those of before") {
  World world;
  write_list(world, list_name, boot,
             {{"", of_type(S_IFDIR)},
              {"a", of_type(S_IFREG)},
              {"d", of_type(S_IFDIR)},
              {"d/x", of_type(S_IFREG)},
              {"z", of_type(S_IFREG)}});
  SUBCASE("in the middle of a file") {
    write_list(world, part_name, boot, {{"", of_type(S_IFDIR)}, {"b", of_type(S_IFREG, 1)}});
    REQUIRE(settle_lists(world.tree.open("staging").get(), boot).value());
    CHECK(paths(world, list_name) == std::vector<std::string>{"", "b!", "d", "d/x", "z"});
    CHECK(::access(world.tree.at("staging/list.part").c_str(), F_OK) != 0);
  }
  SUBCASE("where a directory became a file, what was beneath it is gone") {
    write_list(world, part_name, boot, {{"", of_type(S_IFDIR)}, {"a", of_type(S_IFREG)}, {"d", of_type(S_IFREG, 1)}});
    REQUIRE(settle_lists(world.tree.open("staging").get(), boot).value());
    CHECK(paths(world, list_name) == std::vector<std::string>{"", "a", "d!", "z"});
  }
  SUBCASE("in the middle of an entry") {
    write_list(world, part_name, boot, {{"", of_type(S_IFDIR)}, {"b", of_type(S_IFREG)}});
    const std::string part = world.tree.at("staging/list.part");
    REQUIRE(::truncate(part.c_str(), static_cast<off_t>(std::filesystem::file_size(part)) - 1) == 0);
    REQUIRE(settle_lists(world.tree.open("staging").get(), boot).value());
    CHECK(paths(world, list_name) == std::vector<std::string>{"", "a", "d", "d/x", "z"});
  }
  SUBCASE("in its first line: it is thrown away") {
    std::ofstream(world.tree.at("staging/list.part")) << "back";
    REQUIRE(settle_lists(world.tree.open("staging").get(), boot).value());
    CHECK(paths(world, list_name) == std::vector<std::string>{"", "a", "d", "d/x", "z"});
    CHECK(::access(world.tree.at("staging/list.part").c_str(), F_OK) != 0);
  }
  SUBCASE("with a list before it that is not believed, nothing is known of its end") {
    write_list(world, list_name, other_boot, {{"", of_type(S_IFDIR)}, {"z", of_type(S_IFREG)}});
    write_list(world, part_name, boot, {{"", of_type(S_IFDIR)}, {"b", of_type(S_IFREG)}});
    CHECK_FALSE(settle_lists(world.tree.open("staging").get(), boot).value());
  }
  SUBCASE("in another boot it is not believed") {
    write_list(world, part_name, other_boot, {{"", of_type(S_IFDIR)}, {"b", of_type(S_IFREG)}});
    REQUIRE(settle_lists(world.tree.open("staging").get(), boot).value());
    CHECK(paths(world, list_name) == std::vector<std::string>{"", "a", "d", "d/x", "z"});
  }
}

TEST_CASE("what a snapshot was is read back as it was written") {
  const TestTree tree;
  const UniqueFd dir = tree.open();
  CHECK_FALSE(read_info(dir.get()).has_value());
  REQUIRE(write_info(dir.get(), {1700000000, "shared blocks", 1.25, 2, "changed while it was read: a b", "0123"}));
  const auto info = read_info(dir.get());
  REQUIRE(info.has_value());
  CHECK(info->taken == 1700000000);
  CHECK(info->method == "shared blocks");
  CHECK(info->downtime == 1.25);
  CHECK(info->faults == 2);
  CHECK(info->first_fault == "changed while it was read: a b");
  CHECK(info->of == "0123");
  REQUIRE(remove_info(dir.get()));
  CHECK_FALSE(read_info(dir.get()).has_value());
}
