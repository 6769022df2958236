#include <doctest/doctest.h>
#include <poll.h>

#include "gate/vault/private_dir.h"
#include "gate/vault/vault.h"
#include "tests/unit/vault_world.h"

using namespace backupctl;
using vault::recover_leftovers;
using vault::Vault;

namespace {

std::string mode_of(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) != 0) return "missing";
  return fmt::format("{:o} {}", st.st_mode & 07777, st.st_uid);
}

bool watched(const Vault& vault) {
  pollfd fd{vault.watch_fd(), POLLIN, 0};
  return ::poll(&fd, 1, 1000) == 1;
}

}  // namespace

TEST_CASE("X4: the copy holds the remote's sections alone and belongs to the child") {
  VaultWorld world;
  auto loan = world.out();
  REQUIRE(loan.has_value());
  CHECK(loan->directory() == world.copy);
  CHECK(VaultWorld::read(world.copy + "/rclone.conf") == VaultWorld::saved(VaultWorld::token("T0")));
  CHECK(mode_of(world.copy) == fmt::format("700 {}", VaultWorld::uid));
  CHECK(mode_of(world.copy + "/rclone.conf") == fmt::format("600 {}", VaultWorld::uid));
  CHECK(mode_of(world.places.vault()) == "700 0");
  CHECK(mode_of(world.places.ledger("onedrive")) == "600 0");
  CHECK(VaultWorld::read(world.places.ledger("onedrive")).find("aT0") == std::string::npos);
  CHECK(loan->finish().has_value());
  CHECK(world.copies() == 0);
  CHECK(mode_of(world.places.ledger("onedrive")) == "missing");
  CHECK(world.root() == VaultWorld::config("T0"));
}

TEST_CASE("D5: rotations are carried while the child runs, all other bytes stay") {
  VaultWorld world;
  auto loan = world.out();
  REQUIRE(loan.has_value());
  for (const char* name : {"T1", "T2", "T3"}) {
    world.rclone_saves(VaultWorld::saved(VaultWorld::token(name)));
    REQUIRE(watched(*loan));
    CHECK(loan->on_change().has_value());
    CHECK(world.root() == VaultWorld::config(name));
  }
  CHECK(mode_of(world.places.rclone_config) == "600 0");
  CHECK(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("T3"));
  CHECK(world.parked() == 0);
}

TEST_CASE("D5: what was not seen while the child ran is carried at its end") {
  VaultWorld world;
  auto loan = world.out();
  world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("T1"));
}

TEST_CASE("D5: rclone's save broken off anywhere") {
  VaultWorld world;
  const std::string file = world.copy + "/rclone.conf";
  auto loan = world.out();
  SUBCASE("the temporary is complete, nothing renamed") {
    VaultWorld::put(file + "123", VaultWorld::saved(VaultWorld::token("T1")));
  }
  SUBCASE("between the renames: only .old and the temporary") {
    VaultWorld::put(file + "123", VaultWorld::saved(VaultWorld::token("T1")));
    std::filesystem::rename(file, file + ".old");
  }
  SUBCASE("only .old exists, with a token that was never carried") {
    VaultWorld::put(file, VaultWorld::saved(VaultWorld::token("T1")));
    std::filesystem::rename(file, file + ".old");
  }
  SUBCASE("both renames done, .old still there") {
    VaultWorld::put(file + ".old", VaultWorld::saved(VaultWorld::token("T0")));
    VaultWorld::put(file, VaultWorld::saved(VaultWorld::token("T1")));
  }
  CHECK(loan->on_change().has_value());
  CHECK(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("T1"));
  CHECK(world.parked() == 0);
}

TEST_CASE("D5: a token torn off in a temporary is a failed run, and kept") {
  VaultWorld world;
  auto loan = world.out();
  VaultWorld::put(world.copy + "/rclone.conf123", "[onedrive]\ntype = onedrive\ntoken = {\"acc");
  const auto ended = loan->finish();
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().exit == Exit::io_error);
  CHECK(world.parked() == 1);
  CHECK(world.root() == VaultWorld::config("T0"));
}

TEST_CASE("D5: an older token never comes back over a newer one") {
  VaultWorld world;
  auto loan = world.out();
  world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(loan->on_change().has_value());
  world.rclone_saves(VaultWorld::saved(VaultWorld::token("T0")));
  (void)loan->on_change();
  CHECK(world.root() == VaultWorld::config("T1"));
  (void)loan->finish();
  CHECK(world.root() == VaultWorld::config("T1"));
}

TEST_CASE("D5: of two tokens in one copy the renewed one is carried, the one put back is not") {
  VaultWorld world;
  const auto both = [](const std::string& one, const std::string& two) {
    return "[onedrive]\ntype = union\nupstreams = a: b:\n\n[a]\ntype = onedrive\ntoken = " + VaultWorld::token(one) +
           "\n\n[b]\ntype = drive\ntoken = " + VaultWorld::token(two) + "\n\n";
  };
  world.write_root(both("A0", "B0"));
  auto loan = world.out();
  REQUIRE(loan.has_value());
  world.rclone_saves(both("A1", "B1"));
  CHECK(loan->on_change().has_value());
  CHECK(world.root() == both("A1", "B1"));
  world.rclone_saves(both("A2", "B0"));
  CHECK(loan->on_change().has_value());
  CHECK(world.root() == both("A2", "B1"));
  CHECK(loan->finish().has_value());
  CHECK(world.root() == both("A2", "B1"));
}

TEST_CASE("D5: the owner logs in meanwhile: that token wins, the child's is parked") {
  VaultWorld world;
  auto loan = world.out();
  world.write_root(VaultWorld::config("OWNER"));
  world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
  const auto seen = loan->on_change();
  REQUIRE_FALSE(seen.has_value());
  CHECK(seen.error().exit == Exit::io_error);
  CHECK(seen.error().sentence.find("aT1") == std::string::npos);
  CHECK_FALSE(loan->finish().has_value());
  CHECK(world.root() == VaultWorld::config("OWNER"));
  CHECK(world.parked() == 1);
  CHECK(VaultWorld::read(world.places.parked() + "/onedrive.0") == VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(mode_of(world.places.parked() + "/onedrive.0") == "600 0");
}

TEST_CASE("the owner may change the rest of the file meanwhile") {
  VaultWorld world;
  auto loan = world.out();
  world.write_root("[new]\ntype = b2\n" + VaultWorld::config("T0"));
  world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(loan->on_change().has_value());
  CHECK(loan->finish().has_value());
  CHECK(world.root() == "[new]\ntype = b2\n" + VaultWorld::config("T1"));
}

TEST_CASE("D5: a root-owned file that cannot be used keeps the rotation for the next start") {
  VaultWorld world;
  {
    auto loan = world.out();
    world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
    ::chmod(world.places.rclone_config.c_str(), 0644);
    CHECK_FALSE(loan->on_change().has_value());
    SUBCASE("still unusable at the end") {
      CHECK(loan->finish().error().exit == Exit::io_error);
      CHECK(world.copies() == 1);
      ::chmod(world.places.rclone_config.c_str(), 0600);
      CHECK(recover_leftovers(world.places).value().size() == 1);
    }
    SUBCASE("mended before the end") {
      ::chmod(world.places.rclone_config.c_str(), 0600);
      CHECK(loan->finish().has_value());
    }
  }
  CHECK(world.root() == VaultWorld::config("T1"));
  CHECK(world.copies() == 0);
}

TEST_CASE("a credential is on loan once at a time") {
  VaultWorld world;
  world.write_root(VaultWorld::config("T0") + "[wrapped]\ntype = crypt\nremote = onedrive:x\n");
  {
    auto loan = world.out();
    CHECK(loan->locks().size() == 1);
    CHECK(world.out().error().sentence == "busy");
    CHECK(world.out("wrapped").error().sentence == "busy");
    CHECK(world.out("other").has_value());
    CHECK(recover_leftovers(world.places).value().empty());
    CHECK(world.copies() >= 1);
    CHECK(std::filesystem::exists(world.copy));
    CHECK(loan->finish().has_value());
  }
  CHECK(world.out("wrapped").value().finish().has_value());
}

TEST_CASE("X7: rclone.conf missing, readable by others or not root's") {
  VaultWorld world;
  SUBCASE("missing") { ::unlink(world.places.rclone_config.c_str()); }
  SUBCASE("world-readable") { ::chmod(world.places.rclone_config.c_str(), 0604); }
  SUBCASE("somebody else's") { CHECK(::chown(world.places.rclone_config.c_str(), 1000, 0) == 0); }
  SUBCASE("a symbolic link") {
    std::filesystem::rename(world.places.rclone_config, world.base + "/real");
    std::filesystem::create_symlink(world.base + "/real", world.places.rclone_config);
  }
  const auto loan = world.out();
  REQUIRE_FALSE(loan.has_value());
  CHECK(loan.error().exit == Exit::bad_config);
  CHECK(world.copies() == 0);
}
