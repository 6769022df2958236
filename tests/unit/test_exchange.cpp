#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdio>
#include <map>

#include "common/sha256.h"
#include "gate/state/exchange.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;
using state::Exchange;

namespace {

namespace fs = std::filesystem;

/// A tree with the files of `old`, and what is to be restored in its stage.
struct World {
  StateFixture fixture;
  std::string base = fixture.state().at("spool") + "/service";
  std::string stage = base + "/.backupctl-restore";

  World() {
    fs::create_directories(stage);
    fs::permissions(stage, fs::perms::owner_all);
  }
  void put(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
  }
  /// All files beneath the base with their content, but for the stage.
  [[nodiscard]] std::string tree() const {
    std::map<std::string, std::string> found;
    for (auto at = fs::recursive_directory_iterator(base); at != fs::recursive_directory_iterator(); ++at) {
      if (at->path() == stage)
        at.disable_recursion_pending();
      else if (at->is_regular_file())
        found[fs::relative(at->path(), base)] = read(at->path());
    }
    std::string text;
    for (const auto& [name, content] : found) text += name + "=" + content + " ";
    return text;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] Exchange exchange(bool entries, std::vector<Exchange::Slot> slots = {}) const {
    return {.service = "web",
            .backup = "web-2026-03-29.tar.gz",
            .units = {"web"},
            .areas = {{base, stage, entries, std::move(slots)}}};
  }
  std::optional<Exchange> record() { return state::read_exchange(fixture.state(), "web").value(); }
};

}  // namespace

TEST_CASE("a record that an earlier version wrote, of one tree, is read still") {
  std::string text;
  for (const char* field : {"backupctl-restore 1", "kept", "web", "b", "7", "/base", "/stage", "whole", "1", "unit", "place",
                            "data/place", "12", "13", "other", "data/other", "0", "14"})
    text.append(field).push_back('\0');
  const auto exchange = state::parse_exchange(to_hex(sha256(text)) + text);
  REQUIRE(exchange);
  CHECK(exchange->units == std::vector<std::string>{"unit"});
  REQUIRE(exchange->areas.size() == 1);
  CHECK(exchange->areas[0].base == "/base");
  CHECK(exchange->areas[0].stage == "/stage");
  REQUIRE(exchange->areas[0].slots.size() == 2);
  CHECK(exchange->areas[0].slots[0].old == 13);
  CHECK(exchange->areas[0].slots[1].place == "other");
}

TEST_CASE("several areas change places as one: broken off between them, all are the old ones again") {
  World first;
  const std::string base = first.base + "-2", stage = base + "/.backupctl-restore";
  fs::create_directories(stage);
  fs::permissions(stage, fs::perms::owner_all);
  first.put(first.base + "/file", "old");
  first.put(first.stage + "/data/file", "new");
  first.put(base + "/file", "old");
  first.put(stage + "/data/file", "new");
  Exchange exchange = first.exchange(false, {{"file", "data/file"}});
  exchange.areas.push_back({base, stage, false, {{"file", "data/file"}}});
  REQUIRE(state::exchange(first.fixture.state(), exchange));
  CHECK(World::read(first.base + "/file") == "new");
  CHECK(World::read(base + "/file") == "new");
  // As if it had ended when the second had not moved yet.
  exchange.phase = Exchange::Phase::moving;
  REQUIRE(state::write_exchange(first.fixture.state(), exchange));
  REQUIRE(::renameat2(AT_FDCWD, (base + "/file").c_str(), AT_FDCWD, (stage + "/data/file").c_str(), RENAME_EXCHANGE) == 0);
  CHECK(state::settle_exchange(first.fixture.state(), "web").value());
  CHECK(World::read(first.base + "/file") == "old");
  CHECK(World::read(base + "/file") == "old");
  CHECK(!first.record());
  // And back after all was well; not, where the old file of one is gone.
  Exchange again = first.exchange(false, {{"file", "data/file"}});
  again.areas.push_back({base, stage, false, {{"file", "data/file"}}});
  REQUIRE(state::exchange(first.fixture.state(), again));
  fs::rename(stage + "/data/file", stage + "/data/away");
  CHECK(!state::put_back(first.fixture.state(), *first.record()));
  CHECK(World::read(first.base + "/file") == "new");
  first.put(stage + "/data/file", "another's");
  CHECK(!state::put_back(first.fixture.state(), *first.record()));
  fs::rename(stage + "/data/away", stage + "/data/file");
  REQUIRE(state::put_back(first.fixture.state(), *first.record()));
  CHECK(World::read(first.base + "/file") == "old");
  CHECK(World::read(base + "/file") == "old");
}

TEST_CASE("the record of a restore comes back as it was, whatever its names; a changed one is refused") {
  StateFixture fixture;
  Exchange exchange{
      .phase = Exchange::Phase::kept,
      .service = "web",
      .backup = "b",
      .made = 7,
      .units = {"u", "v"},
      .areas = {{"/a b", "/s\n", false, {{"na\nme", "data/na\nme", 12}, {"\xff", "data/\xff", 0}}}, {"/c", "/d", true, {}}}};
  REQUIRE(state::write_exchange(fixture.state(), exchange));
  const auto back = state::read_exchange(fixture.state(), "web").value();
  REQUIRE(back.has_value());
  CHECK(state::serialize(*back) == state::serialize(exchange));
  CHECK(back->areas[0].slots[0].place == "na\nme");
  CHECK(state::list_exchanges(fixture.state()) == std::vector<std::string>{"web"});
  std::string bytes = fixture.read("restores/web");
  bytes[70] ^= 1;
  fixture.write("restores/web", bytes);
  CHECK(state::read_exchange(fixture.state(), "web").error().exit == Exit::io_error);
  CHECK(!state::settle_exchange(fixture.state(), "web").has_value());
  CHECK(state::remove_exchange(fixture.state(), "web"));
  CHECK(state::settle_exchange(fixture.state(), "web") == false);
}

TEST_CASE("D6: without the old files there is no way back, and what is there stays") {
  World world;
  world.put(world.base + "/file", "old");
  world.put(world.stage + "/data/file", "new");
  Exchange exchange = world.exchange(false, {{"file", "data/file"}});
  REQUIRE(state::exchange(world.fixture.state(), exchange));
  fs::remove(world.stage + "/data/file");
  CHECK_FALSE(state::put_back(world.fixture.state(), exchange));
  CHECK(world.tree() == "file=new ");
}

TEST_CASE("X5: a stage that is not root's alone is none") {
  World world;
  world.put(world.base + "/file", "old");
  world.put(world.stage + "/data/file", "new");
  fs::permissions(world.stage, fs::perms::all);
  Exchange exchange = world.exchange(false, {{"file", "data/file"}});
  CHECK_FALSE(state::exchange(world.fixture.state(), exchange));
  CHECK(world.tree() == "file=old ");
}

TEST_CASE("D6: names change places and come back, whichever side is empty, and what the service did since") {
  World world;
  world.put(world.base + "/both", "old");
  world.put(world.base + "/went", "old");
  world.put(world.stage + "/data/both", "new");
  world.put(world.stage + "/data/came", "new");
  const std::string before = world.tree();
  Exchange exchange = world.exchange(false, {{"both", "data/both"}, {"went", "data/went"}, {"came", "data/came"}});
  REQUIRE(state::exchange(world.fixture.state(), exchange));
  CHECK(world.tree() == "both=new came=new ");
  CHECK(world.record()->phase == Exchange::Phase::unproven);
  CHECK(state::settle_exchange(world.fixture.state(), "web") == false);
  fs::remove(world.base + "/came");
  world.put(world.base + "/both.tmp", "newer");  // another inode by the same name
  fs::rename(world.base + "/both.tmp", world.base + "/both");
  REQUIRE(state::put_back(world.fixture.state(), *world.record()));
  CHECK(world.tree() == before);
  CHECK(World::read(world.stage + "/data/both") == "newer");
  CHECK(!world.record().has_value());
}

TEST_CASE("D6: broken off after any of its renames, in either direction, an exchange is undone") {
  for (const auto phase : {Exchange::Phase::moving, Exchange::Phase::undoing}) {
    for (std::size_t moved = 0; moved <= 4; ++moved) {
      World world;
      for (const char* name : {"a", "b", "c"}) world.put(world.base + "/" + name, "old");
      for (const char* name : {"b", "c", "d"}) world.put(world.stage + "/data/" + name, "new");
      REQUIRE(::chmod(world.base.c_str(), 0711) == 0);
      REQUIRE(::setxattr(world.base.c_str(), "user.old", "1", 1, 0) == 0);
      const std::string before = world.tree();
      Exchange exchange = world.exchange(true);
      REQUIRE(state::exchange(world.fixture.state(), exchange));
      CHECK(world.tree() == "b=new c=new d=new ");
      CHECK(::getxattr(world.base.c_str(), "user.old", nullptr, 0) < 0);
      REQUIRE(exchange.areas[0].slots.size() == 4);
      // As if only the last `moved` had been.
      for (std::size_t i = 0; i < 4 - moved; ++i) {
        const std::string place = world.base + "/" + exchange.areas[0].slots[i].place,
                          staged = world.stage + "/" + exchange.areas[0].slots[i].staged;
        if (!fs::exists(place))
          fs::rename(staged, place);
        else if (!fs::exists(staged))
          fs::rename(place, staged);
        else
          REQUIRE(::renameat2(AT_FDCWD, place.c_str(), AT_FDCWD, staged.c_str(), RENAME_EXCHANGE) == 0);
      }
      exchange.phase = phase;
      REQUIRE(state::write_exchange(world.fixture.state(), exchange));
      CHECK(state::settle_exchange(world.fixture.state(), "web") == true);
      CHECK(world.tree() == before);
      CHECK(::getxattr(world.base.c_str(), "user.old", nullptr, 0) == 1);
      CHECK((fs::status(world.base).permissions() & fs::perms::all) == fs::perms(0711));
      CHECK(!world.record().has_value());
    }
  }
}

TEST_CASE("D6: what a service rewrote while names were on both sides goes to the stage, and every old file comes back") {
  World world;
  for (const char* name : {"a", "b", "c"}) world.put(world.base + "/" + name, "old");
  for (const char* name : {"b", "c", "d", "e"}) world.put(world.stage + "/data/" + name, "new");
  Exchange exchange = world.exchange(true);
  REQUIRE(state::exchange(world.fixture.state(), exchange));
  CHECK(world.tree() == "b=new c=new d=new e=new ");
  // c is not moved yet, and is rewritten, as programs do; so are the moved b and d; e is gone; a is made anew.
  REQUIRE(::renameat2(AT_FDCWD, (world.base + "/c").c_str(), AT_FDCWD, (world.stage + "/data/c").c_str(), RENAME_EXCHANGE) ==
          0);
  for (const char* name : {"b", "c", "d"}) {
    world.put(world.base + "/tmp", "since");
    fs::rename(world.base + "/tmp", world.base + "/" + name);
  }
  fs::remove(world.base + "/e");
  world.put(world.base + "/a", "since");
  exchange.phase = Exchange::Phase::moving;
  REQUIRE(state::write_exchange(world.fixture.state(), exchange));
  for (const bool again : {false, true}) {
    if (again) REQUIRE(state::write_exchange(world.fixture.state(), exchange));  // killed before the record was gone
    CHECK(state::settle_exchange(world.fixture.state(), "web") == true);
    CHECK(world.tree() == "a=old b=old c=since ");
    CHECK(World::read(world.stage + "/data/b") == "since");
    CHECK(World::read(world.stage + "/data/d") == "since");
  }
}

TEST_CASE("X5: a name that leads through a link ends an exchange before anything moves") {
  World world;
  world.put(world.base + "/a", "old");
  world.put(world.stage + "/data/a", "new");
  world.put(world.fixture.state().at("spool") + "/outside/file", "other");
  fs::create_symlink("../outside", world.base + "/link");
  world.put(world.stage + "/data/link/file", "new");
  const std::string before = world.tree();
  Exchange exchange = world.exchange(false, {{"a", "data/a"}, {"link/file", "data/link/file"}});
  CHECK(!state::exchange(world.fixture.state(), exchange).has_value());
  CHECK(world.tree() == before);
  CHECK(World::read(world.fixture.state().at("spool") + "/outside/file") == "other");
  CHECK(!world.record().has_value());
}
