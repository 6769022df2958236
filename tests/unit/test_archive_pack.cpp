#include <doctest/doctest.h>
#include <sys/mman.h>

#include <filesystem>

#include "gate/source/pack.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

std::string packed(const TestTree& tree, const std::vector<std::string>& names, std::uint64_t offset = 0) {
  const UniqueFd out(::memfd_create("tar", MFD_CLOEXEC));
  Reporter reporter(-1);
  const auto written = pack({"20260301-020000", 1'772'330'400, offset, names}, tree.open().get(), out.get(), reporter);
  REQUIRE(written);
  std::string bytes(*written, '\0');
  REQUIRE(::pread(out.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

}  // namespace

TEST_CASE("an export is always the same bytes, whoever made the folder and when, and any part of it can be left out") {
  TestTree tree;
  tree.file("a.tar.gz", std::string(300'000, 'a'));
  tree.file("manifest.json", "{}");
  const std::string tar = packed(tree, {"a.tar.gz", "manifest.json"});
  CHECK(tar.substr(0, 16) == "20260301-020000/");
  CHECK(tar.substr(512, 24) == "20260301-020000/a.tar.gz");
  std::filesystem::last_write_time(tree.at("a.tar.gz"), std::filesystem::file_time_type{});
  std::filesystem::permissions(tree.at("manifest.json"), std::filesystem::perms::owner_read);
  CHECK(packed(tree, {"a.tar.gz", "manifest.json"}) == tar);
  for (const std::uint64_t offset : {1UL, 511UL, 512UL, 1024UL, 200'000UL, tar.size() - 1, tar.size(), tar.size() + 5})
    CHECK(packed(tree, {"a.tar.gz", "manifest.json"}, offset) == tar.substr(std::min<std::size_t>(offset, tar.size())));
}

TEST_CASE("a file that is shorter than it said ends the tar in the middle, and not as if it were whole") {
  TestTree tree;
  const UniqueFd out(::memfd_create("tar", MFD_CLOEXEC));
  Reporter reporter(-1);
  // sysfs says a page, and gives a few bytes.
  const UniqueFd folder(::open("/sys/kernel", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(!pack({"20260301-020000", 0, 0, {"uevent_seqnum"}}, folder.get(), out.get(), reporter));
  struct stat st {};
  REQUIRE(::fstat(out.get(), &st) == 0);
  CHECK(st.st_size < 512 + 512 + 4096);
}

TEST_CASE("X5: nothing but regular files of the folder is sent, and before the first byte all are open") {
  TestTree tree;
  tree.file("a");
  tree.dir("sub");
  std::filesystem::create_symlink("/etc/passwd", tree.at("link"));
  REQUIRE(::mkfifo(tree.at("fifo").c_str(), 0600) == 0);
  const UniqueFd out(::memfd_create("tar", MFD_CLOEXEC));
  Reporter reporter(-1);
  for (const char* name : {"missing", "sub", "link", "fifo", "../x", "/etc/passwd"}) {
    CAPTURE(name);
    CHECK(!pack({"20260301-020000", 0, 0, {"a", name}}, tree.open().get(), out.get(), reporter));
  }
  struct stat st {};
  REQUIRE(::fstat(out.get(), &st) == 0);
  CHECK(st.st_size == 0);
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  CHECK(!pack({"20260301-020000", 0, 0, {"a"}}, tree.open().get(), full.get(), reporter));
  CHECK(!parse_packing(std::vector<std::string>{"--pack", "20260301-020000", "--time", "x", "--offset", "0", "a"}));
  CHECK(!parse_packing(std::vector<std::string>{"--pack", "20260301-020000", "--time", "1", "--offset", "0"}));
}
