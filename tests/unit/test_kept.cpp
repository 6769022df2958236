#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "gate/state/kept.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;

namespace {

/// A dump of what was there, up to where `keep` makes it count.
UniqueFd begin(StateFixture& fixture, const std::string& bytes) {
  auto file = state::begin_kept(fixture.state(), "shop");
  REQUIRE(file.has_value());
  REQUIRE(write_all(file->get(), bytes).has_value());
  return std::move(*file);
}

std::optional<state::Kept> open(StateFixture& fixture) {
  auto kept = state::open_kept(fixture.state(), "shop");
  REQUIRE(kept.has_value());
  return std::move(*kept);
}

std::string content(const state::Kept& kept) { return read_all(kept.file.get(), 1 << 20).value_or("unreadable"); }

}  // namespace

TEST_CASE("D6: what a restore replaced is kept until somebody decides") {
  StateFixture fixture;
  CHECK(!open(fixture));
  const UniqueFd file = begin(fixture, "the old rows");
  REQUIRE(state::keep(fixture.state(), "shop", file, "public.orders").has_value());
  auto kept = open(fixture);
  REQUIRE(kept.has_value());
  CHECK(content(*kept) == "the old rows");
  CHECK(kept->part == "public.orders");
  CHECK(!kept->concluded);
  CHECK(!state::open_kept(fixture.state(), "other")->has_value());
  REQUIRE(state::conclude_kept(fixture.state(), "shop").has_value());
  kept = open(fixture);
  REQUIRE(kept.has_value());
  CHECK(kept->concluded);
  CHECK(kept->part == "public.orders");
  CHECK(content(*kept) == "the old rows");
  REQUIRE(state::remove_kept(fixture.state(), "shop").has_value());
  CHECK(!open(fixture));
  CHECK(std::filesystem::is_empty(fixture.state().at("kept")));
  CHECK(state::remove_kept(fixture.state(), "shop").has_value());  // twice
}

TEST_CASE("all of a service has no part") {
  StateFixture fixture;
  const UniqueFd file = begin(fixture, "x");
  REQUIRE(state::keep(fixture.state(), "shop", file).has_value());
  CHECK(open(fixture)->part.empty());
  CHECK(!open(fixture)->concluded);
  REQUIRE(state::conclude_kept(fixture.state(), "shop").has_value());
  CHECK(open(fixture)->part.empty());
  CHECK(open(fixture)->concluded);
}

TEST_CASE("it is root's alone") {
  StateFixture fixture;
  const UniqueFd file = begin(fixture, "x");
  REQUIRE(state::keep(fixture.state(), "shop", file, "public.a").has_value());
  for (const auto& entry : std::filesystem::directory_iterator(fixture.state().at("kept"))) {
    struct stat st {};
    REQUIRE(::stat(entry.path().c_str(), &st) == 0);
    CHECK((st.st_mode & 0777) == 0600);
  }
}

TEST_CASE("killed in between: what was not kept is nothing, and the next one begins anew") {
  StateFixture fixture;
  SUBCASE("while it is dumped") { begin(fixture, "half a du"); }
  SUBCASE("when it is known what it is of") {
    begin(fixture, "the old rows");
    fixture.write("kept/shop.part", "?public.orders");
  }
  CHECK(!open(fixture));
  CHECK(state::conclude_kept(fixture.state(), "shop").has_value());
  CHECK(!open(fixture));
  const UniqueFd file = begin(fixture, "later rows");
  REQUIRE(state::keep(fixture.state(), "shop", file).has_value());
  const auto kept = open(fixture);
  REQUIRE(kept.has_value());
  CHECK(content(*kept) == "later rows");
  CHECK(kept->part.empty());
  CHECK(!kept->concluded);
}

TEST_CASE("killed while it is removed: what is left is nothing, or told, and removed by the next") {
  StateFixture fixture;
  const UniqueFd file = begin(fixture, "the old rows");
  REQUIRE(state::keep(fixture.state(), "shop", file, "public.a").has_value());
  REQUIRE(::unlink(fixture.state().at("kept/shop").c_str()) == 0);
  CHECK(!open(fixture));
  REQUIRE(state::remove_kept(fixture.state(), "shop").has_value());
  CHECK(std::filesystem::is_empty(fixture.state().at("kept")));
}

TEST_CASE("killed while it is dumped: nothing of it stays") {
  StateFixture fixture;
  const UniqueFd file = begin(fixture, "half a du");
  CHECK(std::filesystem::is_empty(fixture.state().at("kept")));
}

TEST_CASE("a later one takes the place of the one that is there") {
  StateFixture fixture;
  for (const char* rows : {"the old rows", "later rows"}) {
    const UniqueFd file = begin(fixture, rows);
    REQUIRE(state::keep(fixture.state(), "shop", file).has_value());
    CHECK(content(*open(fixture)) == rows);
  }
  REQUIRE(state::remove_kept(fixture.state(), "shop").has_value());
  CHECK(std::filesystem::is_empty(fixture.state().at("kept")));
}

TEST_CASE("what was begun goes with what is given up, and with what is kept") {
  StateFixture fixture;
  fixture.write("kept/shop.begun", "half a du");
  SUBCASE("kept") {
    const UniqueFd file = begin(fixture, "the old rows");
    REQUIRE(state::keep(fixture.state(), "shop", file).has_value());
    CHECK(content(*open(fixture)) == "the old rows");
    CHECK(!std::filesystem::exists(fixture.state().at("kept/shop.begun")));
  }
  REQUIRE(state::remove_kept(fixture.state(), "shop").has_value());
  CHECK(std::filesystem::is_empty(fixture.state().at("kept")));
}

TEST_CASE("a dump of which nobody knows what it is of is not used, and not lost") {
  StateFixture fixture;
  const UniqueFd file = begin(fixture, "the old rows");
  REQUIRE(state::keep(fixture.state(), "shop", file, "public.a").has_value());
  REQUIRE(::unlink(fixture.state().at("kept/shop.part").c_str()) == 0);
  const auto kept = state::open_kept(fixture.state(), "shop");
  REQUIRE(!kept.has_value());
  CHECK(kept.error().exit == Exit::io_error);
  CHECK(fixture.read("kept/shop") == "the old rows");
}

TEST_CASE("X7: what stands in its place and is a link is not followed") {
  StateFixture fixture;
  fixture.write("precious", "x");
  REQUIRE(::symlink("../precious", fixture.state().at("kept/shop").c_str()) == 0);
  CHECK(!state::open_kept(fixture.state(), "shop").has_value());
  REQUIRE(::symlink("../precious", fixture.state().at("kept/shop.begun").c_str()) == 0);
  const UniqueFd file = begin(fixture, "y");
  REQUIRE(state::keep(fixture.state(), "shop", file).has_value());
  CHECK(fixture.read("precious") == "x");
  CHECK(fixture.read("kept/shop") == "y");
}
