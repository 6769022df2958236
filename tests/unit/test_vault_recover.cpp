#include <doctest/doctest.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/unit/vault_world.h"

using namespace backupctl;
using vault::recover_leftovers;

namespace {

/// Copies out in a process of its own and kills it, as a power cut or SIGKILL of the gate would: nothing is released but by
/// the kernel.
void crash_after(const VaultWorld& world, const std::function<void(vault::Vault&)>& act, const std::string& source = "") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto loan = world.out("onedrive", source);
    if (loan) act(*loan);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(world.copies() == 1);
}

}  // namespace

TEST_CASE("D5: a rotation that a killed gate left behind is carried before the next copy-out") {
  VaultWorld world;
  crash_after(world, [&](vault::Vault&) { world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1"))); });
  CHECK(world.root() == VaultWorld::config("T0"));
  auto loan = world.out();
  REQUIRE(loan.has_value());
  CHECK(loan->warnings().size() == 1);
  CHECK(world.root() == VaultWorld::config("T1"));
  CHECK(VaultWorld::read(world.copy + "/rclone.conf") == VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(loan->finish().has_value());
}

TEST_CASE("D5: of several rotations, some carried, the last survives the crash") {
  VaultWorld world;
  crash_after(world, [&](vault::Vault& loan) {
    world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
    (void)loan.on_change();
    world.rclone_saves(VaultWorld::saved(VaultWorld::token("T2")));
  });
  CHECK(world.root() == VaultWorld::config("T1"));
  CHECK(recover_leftovers(world.places).value().size() == 1);
  CHECK(world.root() == VaultWorld::config("T2"));
  CHECK(world.copies() == 0);
}

TEST_CASE("D5: a crash between the ledger and the root-owned file") {
  VaultWorld world;
  crash_after(world, [&](vault::Vault& loan) {
    world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")));
    (void)loan.on_change();
    world.write_root(VaultWorld::config("T0"));  // as if the rename had not happened
  });
  CHECK(recover_leftovers(world.places).has_value());
  CHECK(world.root() == VaultWorld::config("T1"));
}

TEST_CASE("D5: killed between rclone's renames") {
  VaultWorld world;
  crash_after(world, [&](vault::Vault&) {
    VaultWorld::put(world.copy + "/rclone.conf77", VaultWorld::saved(VaultWorld::token("T1")));
    std::filesystem::rename(world.copy + "/rclone.conf", world.copy + "/rclone.conf.old");
  });
  CHECK(recover_leftovers(world.places).has_value());
  CHECK(world.root() == VaultWorld::config("T1"));
}

TEST_CASE("a crash without a rotation leaves nothing to say") {
  VaultWorld world;
  crash_after(world, [](vault::Vault&) {});
  CHECK(recover_leftovers(world.places).value().empty());
  CHECK(world.copies() == 0);
  CHECK(recover_leftovers(world.places).value().empty());
}

TEST_CASE("D5: after a crash the same checks hold: hostile leftovers and the owner's newer login") {
  VaultWorld world;
  SUBCASE("hostile") {
    crash_after(world, [&](vault::Vault&) {
      VaultWorld::put(world.copy + "/rclone.conf", VaultWorld::saved(VaultWorld::token("T1"), "url = evil\n"));
    });
    CHECK(recover_leftovers(world.places).value().size() == 1);
    CHECK(world.root() == VaultWorld::config("T0"));
  }
  SUBCASE("the owner logged in") {
    crash_after(world, [&](vault::Vault&) { world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1"))); });
    world.write_root(VaultWorld::config("OWNER"));
    CHECK(recover_leftovers(world.places).value().size() == 1);
    CHECK(world.root() == VaultWorld::config("OWNER"));
  }
  SUBCASE("the owner removed the section") {
    crash_after(world, [&](vault::Vault&) { world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1"))); });
    world.write_root("[x]\ntype = s3\n");
    CHECK(recover_leftovers(world.places).value().size() == 1);
    CHECK(world.root() == "[x]\ntype = s3\n");
  }
  CHECK(world.parked() == 1);
  CHECK(world.copies() == 0);
}

TEST_CASE("D5: a leftover of a wrapping remote is carried before its credential is lent again") {
  VaultWorld world;
  const std::string crypt = "[wrap]\ntype = crypt\nremote = onedrive:x\n\n";
  world.write_root(crypt + VaultWorld::config("T0"));
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)world.out("wrap");
    VaultWorld::put(world.places.copy("wrap") + "/rclone.conf", crypt + VaultWorld::saved(VaultWorld::token("T1")));
    ::raise(SIGKILL);
  }
  ::waitpid(pid, nullptr, 0);
  auto loan = world.out();
  REQUIRE(loan.has_value());
  CHECK(VaultWorld::read(world.copy + "/rclone.conf") == VaultWorld::saved(VaultWorld::token("T1")));
  CHECK(world.root() == crypt + VaultWorld::config("T1"));
}

TEST_CASE("D5: one child has the credentials of two remotes, and neither is lent again before both are carried back") {
  const std::string section = "[other]\ntype = s3\nsecret_access_key = hush\n\n";
  VaultWorld world;
  {
    auto loan = world.out("onedrive", "other");
    REQUIRE(loan.has_value());
    CHECK(VaultWorld::read(world.copy + "/rclone.conf") == VaultWorld::saved(VaultWorld::token("T0")) + section);
    CHECK_FALSE(world.out("other").has_value());
    CHECK_FALSE(world.out("onedrive").has_value());
    world.rclone_saves(VaultWorld::saved(VaultWorld::token("T1")) + section);
    CHECK(loan->finish().has_value());
  }
  CHECK(world.root() == VaultWorld::config("T1"));
  crash_after(
      world, [&](vault::Vault&) { world.rclone_saves(VaultWorld::saved(VaultWorld::token("T2")) + section); }, "other");
  auto loan = world.out("other");
  REQUIRE(loan.has_value());
  CHECK(world.root() == VaultWorld::config("T2"));
  CHECK(world.parked() == 0);
  CHECK(loan->finish().has_value());
}

TEST_CASE("X13: a leftover that cannot be cleared stops its own credential alone, and is said") {
  VaultWorld world;
  world.write_root(VaultWorld::config("T0") + "url = https://dav.example/\nvendor = other\n");
  crash_after(world, [](vault::Vault&) {});
  // As a leftover that no code could remove: its directory cannot even be opened as one.
  std::filesystem::remove_all(world.copy);
  std::filesystem::create_symlink(world.base, world.copy);
  CHECK_FALSE(world.out().has_value());
  auto loan = world.out("last");
  REQUIRE(loan.has_value());
  REQUIRE(loan->warnings().size() == 1);
  CHECK(loan->warnings()[0].find("onedrive") != std::string::npos);
  CHECK(loan->finish().has_value());
  CHECK(std::filesystem::exists(world.places.ledger("onedrive")));
}

TEST_CASE("a ledger that somebody damaged stops the credential, it is not guessed") {
  VaultWorld world;
  crash_after(world, [](vault::Vault&) {});
  VaultWorld::put(world.places.ledger("onedrive"), "backupctl-credential-copy 1\nremote onedrive\nuid x\n", 0);
  CHECK(recover_leftovers(world.places).error().exit == Exit::io_error);
  CHECK_FALSE(world.out().has_value());
}
