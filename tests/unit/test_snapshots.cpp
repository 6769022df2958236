#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "common/io.h"
#include "gate/state/snapshots.h"

using namespace backupctl;
using state::Snapshots;

namespace {

struct Place {
  std::string path = "/var/lib/backupctl-unit-snapshots-" + std::to_string(::getpid());
  ~Place() { std::filesystem::remove_all(path); }
};

void put(const UniqueFd& dir, const std::string& name) {
  const UniqueFd fd = open_beneath(dir.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  REQUIRE(fd);
}

}  // namespace

TEST_CASE("a snapshot has its name once it is whole, and not before") {
  if (::getuid() != 0) return;
  const Place place;
  const auto state = state::StateDir::open(place.path);
  REQUIRE(state);
  const auto store = Snapshots::open(*state, "lightrag");
  REQUIRE(store);
  CHECK(store->ids()->empty());
  const auto folder = store->begin("20260301-020000");
  REQUIRE(folder);
  put(*folder, "a.tar.gz");
  CHECK(store->ids()->empty());
  REQUIRE(store->commit("20260301-020000"));
  CHECK(*store->ids() == std::vector<std::string>{"20260301-020000"});
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

TEST_CASE("uploads that were begun are remembered") {
  if (::getuid() != 0) return;
  const Place place;
  const auto state = state::StateDir::open(place.path);
  REQUIRE(state);
  const auto store = Snapshots::open(*state, "lightrag");
  REQUIRE(store);
  CHECK(store->uploads().empty());
  const Snapshots::Uploads two = {{"azure", "20260301-020000"}, {"disk", "20260301-020000"}};
  REQUIRE(store->set_uploads(two));
  CHECK(store->uploads() == two);
  REQUIRE(write_file_durably(store->path("uploads"), "azure\nazure ../../etc\nazure 20260301-020000\n", 0600));
  CHECK(store->uploads() == Snapshots::Uploads{{"azure", "20260301-020000"}});
}
