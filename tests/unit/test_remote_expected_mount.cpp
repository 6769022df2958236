#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gate/remote/expected_mount.h"

using backupctl::remote::missing_mount;

namespace {

struct Table {
  std::string base = "/tmp/backupctl-fstab-XXXXXX", path;
  Table() {
    REQUIRE(::mkdtemp(base.data()) != nullptr);
    path = base + "/fstab";
    for (const char* dir : {"/usb", "/usb/backups", "/usb2", "/a disk", "/a disk/x", "/odd", "/odd/dir"})
      std::filesystem::create_directory(base + dir);
    std::ofstream(path) << "# " << base << "/usb2 is no entry\n"
                        << "UUID=1 " << base << "/usb/ ext4 noauto,nofail 0 2\n"
                        << "UUID=5 " << base << "/./odd//dir ext4 noauto 0 2\n"
                        << "UUID=2 " << base << "/a\\040disk ext4 noauto 0 2\n"
                        << "proc /proc proc defaults 0 0\nUUID=3 / ext4 defaults 0 1\nUUID=4 none swap sw 0 0\nshort\n";
  }
  ~Table() { std::filesystem::remove_all(base); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  [[nodiscard]] std::string operator()(const std::string& directory) const { return missing_mount(directory, path.c_str()); }
};

}  // namespace

TEST_CASE("D1: a disk that fstab names and that is not mounted is missed, at its mount point, below and above") {
  const Table table;
  CHECK(table(table.base + "/usb") == table.base + "/usb");
  CHECK(table(table.base + "/usb/backups") == table.base + "/usb");
  CHECK(table(table.base + "/odd/dir") == table.base + "/odd/dir");
  CHECK(table(table.base + "/odd") == table.base + "/odd/dir");
  CHECK(table(table.base + "/a disk/x") == table.base + "/a disk");
}

TEST_CASE("what is mounted, or fstab does not name, is not") {
  const Table table;
  CHECK(table("/proc/sys").empty());
  CHECK(table(table.base + "/usb2").empty());
  CHECK(missing_mount(table.base + "/usb", (table.base + "/no-table").c_str()).empty());
}
