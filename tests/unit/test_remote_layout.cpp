#include <doctest/doctest.h>

#include "gate/remote/layout.h"

using backupctl::policy::Remote;
using backupctl::remote::Layout;

namespace {

Remote named(const std::string& root) {
  Remote remote;
  remote.name = "od";
  remote.root = root;
  return remote;
}

}  // namespace

TEST_CASE("paths on a remote of rclone.conf") {
  const Layout folder(named("/OdroidBackup"));
  CHECK(folder.data("calibre") == "od:/OdroidBackup/calibre/data");
  CHECK(folder.mirror_manifest("calibre") == "od:/OdroidBackup/calibre/data.manifest.json");
  CHECK(folder.archive("calibre", "calibre-2026-01-02.tar.gz") ==
        "od:/OdroidBackup/calibre/archives/calibre-2026-01-02.tar.gz");
  CHECK(folder.extra("www") == "od:/OdroidBackup/extra/www");
  CHECK(folder.history("calibre", "2026-01-02") == "od:/OdroidBackup/calibre/history/2026-01-02");
  CHECK(folder.history("calibre") == "od:/OdroidBackup/calibre/history");
  CHECK(folder.extra_history("www", "2026-01-02") == "od:/OdroidBackup/extra/.history/www/2026-01-02");
  CHECK(folder.at("") == "od:/OdroidBackup");
  const Layout bucket(named("kohakku/sub/"));
  CHECK(bucket.data("x") == "od:kohakku/sub/x/data");
  const Layout top(named("/"));
  CHECK(top.data("x") == "od:/x/data");
  CHECK(top.at("") == "od:/");
}

TEST_CASE("a directory of this host is seen at /target, Azure's env_file needs no section") {
  Remote disk = named("/");
  disk.directory = "/var/backups/backupctl";
  CHECK(Layout(disk).data("x") == "/target/x/data");
  CHECK(Layout(disk).at("") == "/target");
  disk.root = "/host1";
  CHECK(Layout(disk).data("x") == "/target/host1/x/data");
  disk.root = "host1";
  CHECK(Layout(disk).data("x") == "/target/host1/x/data");
  Remote azure = named("lightrag-backup");
  azure.env_file = "/etc/backupctl/azure.env";
  CHECK(Layout(azure).at("20260102-030405") == "azure:lightrag-backup/20260102-030405");
}
