#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "gate/vault/private_dir.h"
#include "tests/unit/vault_world.h"

using namespace backupctl;
using vault::max_rotations;

namespace {

const std::string t1 = VaultWorld::token("T1");

/// What a hostile child can put where the gate looks for its configuration, and whether something is there to be parked.
struct Attack {
  const char* name;
  bool parked;
  void (*act)(const std::string& file);
};

void remove(const std::string& file) { std::filesystem::remove(file); }

const Attack attacks[] = {
    {"symbolic link to a secret", false,
     [](const std::string& file) {
       remove(file);
       std::filesystem::create_symlink("/etc/shadow", file);
     }},
    {"FIFO", false,
     [](const std::string& file) {
       remove(file);
       CHECK(::mkfifo(file.c_str(), 0600) == 0);
     }},
    {"directory", false,
     [](const std::string& file) {
       remove(file);
       CHECK(::mkdir(file.c_str(), 0700) == 0);
     }},
    {"hard link", false,
     [](const std::string& file) {
       VaultWorld::put(file, VaultWorld::saved(t1));
       std::filesystem::create_hard_link(file, file + "-elsewhere");
     }},
    {"another's file", false, [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved(t1), 4711); }},
    {"huge file", false,
     [](const std::string& file) {
       VaultWorld::put(file, "");
       CHECK(::truncate(file.c_str(), off_t{1} << 40) == 0);
     }},
    {"empty file", false, [](const std::string& file) { VaultWorld::put(file, ""); }},
    {"extra section", true,
     [](const std::string& file) {
       VaultWorld::put(file, VaultWorld::saved(t1) + "[evil]\ntype = alias\nremote = /root\n\n");
     }},
    {"bearer_token_command", true,
     [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved(t1, "bearer_token_command = /bin/sh\n")); }},
    {"extra key after the token on its line", true,
     [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved(t1 + "\rx = 1")); }},
    {"changed value", true,
     [](const std::string& file) {
       VaultWorld::put(file, "[onedrive]\ntype = onedrive\ntoken = " + t1 + "\ndrive_id = evil\n\n");
     }},
    {"changed type", true,
     [](const std::string& file) { VaultWorld::put(file, "[onedrive]\ntype = local\ntoken = " + t1 + "\ndrive_id = d\n\n"); }},
    {"changed name", true,
     [](const std::string& file) { VaultWorld::put(file, "[other]\ntype = onedrive\ntoken = " + t1 + "\ndrive_id = d\n\n"); }},
    {"token that is no JSON", true, [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved("x")); }},
    {"token without refresh token", true,
     [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved("{\"access_token\":\"a\"}")); }},
    {"empty token", true, [](const std::string& file) { VaultWorld::put(file, VaultWorld::saved("")); }},
};

}  // namespace

TEST_CASE("D5, X5: whatever a hostile child leaves, the root-owned file stays and the run fails loudly") {
  for (const Attack& attack : attacks) {
    CAPTURE(attack.name);
    VaultWorld world;
    auto loan = world.out();
    REQUIRE(loan.has_value());
    attack.act(world.copy + "/rclone.conf");
    const auto ended = loan->finish();
    REQUIRE_FALSE(ended.has_value());
    CHECK(ended.error().exit == Exit::io_error);
    CHECK(ended.error().sentence.find("rT1") == std::string::npos);
    CHECK(world.root() == VaultWorld::config("T0"));
    CHECK(world.parked() == (attack.parked ? 1 : 0));
    CHECK(world.copies() == 0);
  }
  // Positive control: the same world carries what rclone writes.
  VaultWorld world;
  auto loan = world.out();
  world.rclone_saves(VaultWorld::saved(t1));
  CHECK(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("T1"));
}

TEST_CASE("X5: what is left in the directory goes, what its links point to stays") {
  VaultWorld world;
  VaultWorld::put(world.base + "/victim", "keep");
  auto loan = world.out();
  std::filesystem::create_symlink(world.base + "/victim", world.copy + "/rclone.conf.old.link");
  std::filesystem::create_symlink(world.base, world.copy + "/dir");
  std::filesystem::create_hard_link(world.base + "/victim", world.copy + "/hard");
  std::filesystem::create_directories(world.copy + "/a/b/c");
  CHECK(loan->finish().has_value());
  CHECK(world.copies() == 0);
  CHECK(VaultWorld::read(world.base + "/victim") == "keep");
}

TEST_CASE("X11: a child that rotates without end is stopped") {
  VaultWorld world;
  auto loan = world.out();
  bool refused = false;
  std::size_t carried = 0;
  for (; carried < 200 && !refused; ++carried) {
    world.rclone_saves(VaultWorld::saved(VaultWorld::token(fmt::format("N{}", carried))));
    refused = !loan->on_change().has_value();
  }
  CHECK(refused);
  CHECK(carried == max_rotations + 1);
  CHECK(world.root() == VaultWorld::config(fmt::format("N{}", max_rotations - 1)));
}

TEST_CASE("X11: a flood of copies is not read") {
  VaultWorld world;
  auto loan = world.out();
  for (int i = 0; i < 40; ++i) VaultWorld::put(fmt::format("{}/rclone.conf{}", world.copy, i), VaultWorld::saved(t1));
  CHECK_FALSE(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("T0"));
}

TEST_CASE("parked files are bounded") {
  VaultWorld world;
  for (int i = 0; i < 20; ++i) {
    auto loan = world.out();
    VaultWorld::put(world.copy + "/rclone.conf", fmt::format("hostile {}", i));
    CHECK_FALSE(loan->finish().has_value());
  }
  CHECK(world.parked() == 16);
  CHECK(VaultWorld::read(world.places.parked() + "/onedrive.3") == "hostile 19");
}

TEST_CASE("a directory that is not root's alone is refused") {
  VaultWorld world;
  ::mkdir(world.places.vault().c_str(), 0755);
  CHECK(world.out().error().exit == Exit::bad_config);
}

TEST_CASE("X5: directories nested deeper than there are descriptors cannot keep a credential copy from being wiped") {
  VaultWorld world;
  auto loan = world.out();
  REQUIRE(loan.has_value());
  UniqueFd at(::open(world.copy.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int depth = 0; depth < 1100; ++depth) {
    REQUIRE(::mkdirat(at.get(), "d", 0700) == 0);
    at = UniqueFd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.reset();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto finished = loan->finish();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(finished.has_value());
  CHECK(world.copies() == 0);
  CHECK(world.out().has_value());
}
