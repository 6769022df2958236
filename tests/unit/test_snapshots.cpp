#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/io.h"
#include "gate/state/snapshots.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;
using state::Snapshots;

namespace {

struct Store {
  StateFixture fixture;
  Result<Snapshots> store = Snapshots::open(fixture.state(), "lightrag");
  Snapshots* operator->() { return &store.value(); }
};

void put(const UniqueFd& dir, const std::string& name) {
  const UniqueFd fd = open_beneath(dir.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  REQUIRE(fd);
}

}  // namespace

TEST_CASE("a snapshot has its name once it is whole, and not before") {
  Store store;
  CHECK(store->ids()->empty());
  auto folder = store->begin("20260301-020000");
  REQUIRE(folder);
  put(*folder, "a.tar.gz");
  CHECK(store->ids()->empty());
  REQUIRE(store->commit("20260301-020000"));
  CHECK(*store->ids() == std::vector<std::string>{"20260301-020000"});
  folder->reset();
  // A run that died is swept by the next, and is no snapshot meanwhile.
  put(*store->begin("20260302-020000"), "half");
  CHECK(store->ids()->size() == 1);
  REQUIRE(store->begin("20260303-020000"));
  CHECK_FALSE(std::filesystem::exists(store->path("20260302-020000.partial")));
  store->discard("20260303-020000");
  CHECK_FALSE(std::filesystem::exists(store->path("20260303-020000.partial")));
  std::filesystem::create_directory(store->path("not-one"));
  CHECK(store->ids()->size() == 1);
  REQUIRE(store->remove("20260301-020000"));
  CHECK(store->ids()->empty());
  CHECK_FALSE(std::filesystem::exists(store->path("20260301-020000.partial")));
  CHECK(store->remove("20260301-020000"));  // gone already
}

TEST_CASE("what somebody fills or reads is not swept or removed, and one that is fetched anew takes the old one's place") {
  Store store;
  auto filled = store->begin("20260301-020000");
  REQUIRE(filled);
  put(*filled, "a.tar.gz");
  REQUIRE(store->begin("20260302-020000"));  // sweeps
  CHECK(std::filesystem::exists(store->path("20260301-020000.partial")));
  REQUIRE(store->commit("20260301-020000"));
  filled->reset();
  auto reading = store->open_for_reading("20260301-020000");
  REQUIRE(reading);
  CHECK(store->open_for_reading("20260301-020000"));  // two may
  REQUIRE(store->remove("20260301-020000"));
  CHECK(store->ids()->size() == 1);
  reading->reset();
  auto again = store->begin("20260301-020000");
  REQUIRE(again);
  put(*again, "b.tar.gz");
  auto late = store->open_for_reading("20260301-020000");
  REQUIRE(late);
  REQUIRE(store->remove("20260301-020000"));  // somebody fills another of its name, and somebody reads it
  CHECK(std::filesystem::exists(store->path("20260301-020000.partial/b.tar.gz")));
  REQUIRE(store->commit("20260301-020000"));
  CHECK(open_beneath(late->get(), "a.tar.gz", O_RDONLY));  // who reads the old one has it still
  late->reset();
  again->reset();
  REQUIRE(store->begin("20260304-020000"));  // sweeps what that left
  CHECK(std::filesystem::exists(store->path("20260301-020000/b.tar.gz")));
  CHECK_FALSE(std::filesystem::exists(store->path("20260301-020000/a.tar.gz")));
  CHECK_FALSE(std::filesystem::exists(store->path("20260301-020000.partial")));
  REQUIRE(store->remove("20260301-020000"));
  CHECK(store->ids()->empty());
  CHECK_FALSE(store->open_for_reading("20260301-020000"));
}

TEST_CASE("uploads that were begun are remembered") {
  Store store;
  CHECK(store->uploads().empty());
  const Snapshots::Uploads two = {{"azure", "20260301-020000"}, {"disk", "20260301-020000"}};
  REQUIRE(store->set_uploads(two));
  CHECK(store->uploads() == two);
  REQUIRE(write_file_durably(store->path("uploads"), "azure\nazure ../../etc\nazure 20260301-020000\n", 0600));
  CHECK(store->uploads() == Snapshots::Uploads{{"azure", "20260301-020000"}});
}
