#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "common/io.h"
#include "gate/restore/mirror.h"
#include "gate/source/archive_tree.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(file)), {}};
}

/// A tree, its list as a manifest carries it, and a mirror of it.
struct World {
  TestTree tree, spool, mirror;
  Pipe pipe = *make_pipe();
  Reporter reporter{pipe.write.get()};
  MirrorOptions options;
  std::string list;

  World() {
    tree.dir("sub/empty");
    tree.file("sub/a", "content");
    tree.file("b", std::string(100000, 'b'));
    std::filesystem::create_hard_link(tree.at("b"), tree.at("c"));
    std::filesystem::create_symlink("b", tree.at("link"));
    tree.file("holes", "x");
    std::filesystem::resize_file(tree.at("holes"), 5000000);
    const auto listed = archive_tree(tree.open(), spool.open().get(), {}, reporter);
    REQUIRE(listed);
    options = {listed->list_digest, listed->list_lines, listed->content_bytes, false};
    list = content(spool.at("files.jsonl"));
    for (const char* file : {"b", "c", "holes"}) mirror.file(file, content(tree.at(file)));
    mirror.dir("sub");
    mirror.file("sub/a", "content");
    mirror.file("link.rclonelink", "b");
  }

  [[nodiscard]] UniqueFd manifest() const {
    std::string text = "{\"signed\":{},\n\"signature\":{},\n\"files\":[\n";
    for (std::size_t at = 0; at < list.size();) {
      const std::size_t end = list.find('\n', at);
      text += list.substr(at, end - at) + (end + 1 < list.size() ? ",\n" : "\n");
      at = end + 1;
    }
    spool.file("manifest", text + "]}\n");
    return UniqueFd(::open(spool.at("manifest").c_str(), O_RDONLY | O_CLOEXEC));
  }
  Result<MirrorTotals> verify() { return verify_mirror(manifest().get(), mirror.open(), options, reporter); }
  Result<MirrorTotals> extract(const TestTree& target) {
    return extract_mirror(manifest().get(), mirror.open(), target.open(), options, reporter);
  }
};

bool refused(const Result<MirrorTotals>& result, std::string_view why) {
  return !result && result.error().exit == Exit::bad_data && result.error().sentence.find(why) != std::string::npos;
}

}  // namespace

TEST_CASE("a mirror and its list give back the tree (D7)") {
  World world;
  world.mirror.file("surplus");
  const auto verified = world.verify();
  REQUIRE(verified);
  CHECK(verified->left_out == 0);
  CHECK(verified->surplus == 1);
  const TestTree target;
  const auto done = world.extract(target);
  REQUIRE(done);
  CHECK(done->members == world.options.files);
  CHECK(content(target.at("data/sub/a")) == "content");
  CHECK(std::filesystem::hard_link_count(target.at("data/c")) == 2);
  CHECK(std::filesystem::read_symlink(target.at("data/link")) == "b");
  CHECK(std::filesystem::is_empty(target.at("data/sub/empty")));
  CHECK_FALSE(std::filesystem::exists(target.at("data/surplus")));
  struct stat st {};
  REQUIRE(::stat(target.at("data/holes").c_str(), &st) == 0);
  CHECK(st.st_size == 5000000);
  CHECK(st.st_blocks * 512 < st.st_size);
}

TEST_CASE("X6: a file that is not the listed one ends it before anything is written") {
  World world;
  const auto differs = [&] { return refused(world.verify(), "1 of the 8 files"); };
  world.mirror.file("sub/a", "Content");
  CHECK(differs());
  world.mirror.file("sub/a", "content, and more");
  CHECK(differs());
  std::filesystem::remove(world.mirror.at("sub/a"));
  CHECK(differs());
  std::filesystem::create_symlink(world.tree.at("sub/a"), world.mirror.at("sub/a"));
  CHECK(differs());
  std::filesystem::remove(world.mirror.at("sub/a"));
  REQUIRE(::mkfifo(world.mirror.at("sub/a").c_str(), 0600) == 0);
  CHECK(differs());
  std::filesystem::remove_all(world.mirror.at("sub"));
  std::filesystem::create_directory_symlink(world.tree.at("sub"), world.mirror.at("sub"));
  CHECK(differs());
  const TestTree target;
  CHECK(refused(world.extract(target), "changed between verifying and writing"));
}

TEST_CASE("what may differ is left out, with its other names; the rest is restored") {
  World world;
  world.options.leave_out = true;
  world.mirror.file("b", "other");
  const auto verified = world.verify();
  REQUIRE(verified);
  CHECK(verified->left_out == 2);
  const TestTree target;
  REQUIRE(world.extract(target));
  CHECK_FALSE(std::filesystem::exists(target.at("data/b")));
  CHECK_FALSE(std::filesystem::exists(target.at("data/c")));
  CHECK(content(target.at("data/sub/a")) == "content");
}

TEST_CASE("a file without a SHA-256 is left out: nobody could tell what it is") {
  World world;
  const std::size_t at = world.list.find(",\"sha256\":\"", world.list.find("sub/a"));
  world.list.erase(at, 11 + 64 + 1);
  world.options.list_digest = sha256(world.list);
  const auto verified = world.verify();
  REQUIRE(verified);
  CHECK(verified->left_out == 1);
  const TestTree target;
  REQUIRE(world.extract(target));
  CHECK_FALSE(std::filesystem::exists(target.at("data/sub/a")));
}

TEST_CASE("D6: a list that is not the signed one is refused whole, before a line of it is parsed or written") {
  World world;
  const TestTree target;
  const std::string good = world.list;
  world.list.replace(world.list.find("\"uid\":"), 6, "\"uid\":1");
  CHECK(refused(world.verify(), "not the one that was signed"));
  CHECK(refused(world.extract(target), "not the one that was signed"));
  CHECK(std::filesystem::is_empty(target.at(".")));
  world.list = good + good;
  CHECK(refused(world.extract(target), "not the one that was signed"));
  CHECK(std::filesystem::is_empty(target.at(".")));
  world.list = good;
  ++world.options.files;
  CHECK(refused(world.verify(), "not the one that was signed"));
  const UniqueFd cut(::open(world.spool.at("manifest").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::ftruncate(cut.get(), 200) == 0);
  CHECK(refused(verify_mirror(cut.get(), world.mirror.open(), world.options, world.reporter), "not laid out"));
}
