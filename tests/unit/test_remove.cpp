#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/remove.h"
#include "common/result.h"
#include "common/unique_fd.h"

using namespace backupctl;

namespace {

struct Scratch {
  std::string path = "/tmp/backupctl-remove-XXXXXX";
  UniqueFd dir;
  Scratch() {
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    std::filesystem::create_directory(path + "/tree");
    dir = UniqueFd(::open((path + "/tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] bool empty() const { return std::filesystem::is_empty(path + "/tree"); }
};

}  // namespace

TEST_CASE("X5: a tree is removed with few descriptors, whatever its depth") {
  Scratch scratch;
  UniqueFd at(::dup(scratch.dir.get()));
  for (int depth = 0; depth < 3000; ++depth) {
    REQUIRE(::mkdirat(at.get(), "d", 0700) == 0);
    REQUIRE(::mkdirat(at.get(), "e", 0700) == 0);
    UniqueFd(::openat(at.get(), "e/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    at = UniqueFd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.reset();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{32, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const bool removed = remove_beneath(scratch.dir.get());
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(removed);
  CHECK(scratch.empty());
}

TEST_CASE("X5: links in a tree are removed, not followed") {
  Scratch scratch;
  std::filesystem::create_directories(scratch.path + "/precious/inner");
  std::ofstream(scratch.path + "/precious/file") << "x";
  std::filesystem::create_directories(scratch.path + "/tree/a/b");
  std::filesystem::create_directory_symlink("../../precious", scratch.path + "/tree/a/link");
  std::filesystem::create_directory_symlink("../..", scratch.path + "/tree/a/b/up");
  REQUIRE(::mkfifo((scratch.path + "/tree/fifo").c_str(), 0600) == 0);
  CHECK(remove_beneath(scratch.dir.get()));
  CHECK(scratch.empty());
  CHECK(std::filesystem::exists(scratch.path + "/precious/file"));
  CHECK(std::filesystem::exists(scratch.path + "/precious/inner"));
}

TEST_CASE("many directories beside each other, each with something in it") {
  Scratch scratch;
  for (int i = 0; i < 500; ++i) std::filesystem::create_directories(fmt::format("{}/tree/{}/x/y", scratch.path, i));
  CHECK(remove_beneath(scratch.dir.get()));
  CHECK(scratch.empty());
}
