#include <doctest/doctest.h>

#include "policy/check.h"
#include "policy/explain.h"
#include "tests/unit/policy_file.h"

using namespace backupctl;
using namespace backupctl::policy;

TEST_CASE("an allowed request is explained check by check, with what would run and where to") {
  const Policy policy = load_valid(example("podman-onedrive.toml"));
  CHECK(explain(policy, "backupctl --archive planka --remote onedrive:/OdroidBackup --keep-weekly 4 --timeout 60", {}) ==
        R"(request   backupctl --archive planka --remote onedrive:/OdroidBackup --keep-weekly 4 --timeout 60
parsed    backupctl --archive planka --remote onedrive:/OdroidBackup --keep-weekly 4 --timeout 60
client    passed: client.default exists
action    passed: client.default.actions has "archive"
name      passed: service.planka exists, and client.default.services has it
source    passed: service.planka is a source of kind path, which has --archive
remote    passed: service.planka.remotes has onedrive:/OdroidBackup, as the request asserts
floor     passed: the floors of service.planka are weekly 3 and monthly 12, the request comes to weekly 4 and monthly 12
ceiling   passed: gate.timeouts.archive is 21600 s, the request asks for 60 s
outcome   allowed
does      archives the tree /media/ssd/podman/planka/data, unless there is a valid archive of today
where     onedrive:/OdroidBackup/planka/archives/
keeps     daily 0, weekly 4, monthly 12, and the newest 2
timeout   60 s, queueing included
)");
}

TEST_CASE("a refused request ends with the check that decided") {
  const Policy policy = load_valid(example("podman-onedrive.toml"));
  const std::string text = explain(policy, "backupctl --sync planka --path /etc", {});
  CHECK(text.find("path      refused: service.planka.path is /media/ssd/podman/planka/data, the request asserts /etc\noutcome  "
                  " refused "
                  "[path-mismatch], exit 77: ") != std::string::npos);
  CHECK(text.find("does") == std::string::npos);
}

TEST_CASE("what is no request, or the operator's, is explained without the policy") {
  const Policy policy = load_valid(example("full.toml"));
  CHECK(explain(policy, "backupctl --sync planka\x1b[2J", {})
            .starts_with("request   backupctl --sync planka\\x1b[2J\noutcome   refused ["));
  CHECK(explain(policy, "backupctl --restore planka", {}).find("refused [operator-verb], exit 77") != std::string::npos);
}

TEST_CASE("every verb of every kind of source is explained") {
  const Policy policy = load_valid(example("full.toml"));
  const Caller operator_{.is_operator = true};
  const std::pair<const char*, const char*> rows[] = {
      {"--stop vaultwarden", "stops vaultwarden with controller podmanctl (consistency cold)"},
      {"--start lightflow", "starts lightflow with no controller"},
      {"--sync vaultwarden", "where     onedrive:/OdroidBackup/vaultwarden/data/"},
      {"--sync-extra www", "where     onedrive:/OdroidBackup/extra/www/"},
      {"--snapshot planka", "stops planka with controller planka, takes a snapshot of the tree /media/ssd/podman/planka/data"},
      {"--backup lightrag", "keeps     8 snapshots on azure\nkeeps     4 snapshots on local"},
      {"--backup controller-db", "where     /var/backups/backupctl/controller-db/"},
      {"--backup queue", "the redis data of localhost:6379"},
      {"--verify briefs", "the bucket minio"},
      {"--export lightrag", "writes a snapshot of the volumes lightrag-data, lightrag-kg"},
      {"--status", "says how all that this client may use is"},
      {"--list planka", "lists the backups of planka"},
      {"--version", "says which version this is"},
  };
  for (const auto& [request, expected] : rows) {
    const std::string text = explain(policy, std::string("backupctl ") + request, operator_);
    CHECK_MESSAGE(text.find(expected) != std::string::npos, text);
  }
}

TEST_CASE("--check-policy shows a valid policy at a glance") {
  const std::vector<std::string> notes = {"/srv/www does not exist"};
  CHECK(check_report(load_policy(example("podman-onedrive.toml"), "policy.toml"), "policy.toml", notes) ==
        R"(SERVICE      SOURCE  CONTROLLER  CONSISTENCY  REMOTES   KEEPS
calibre      path    podmanctl   cold         onedrive  7d 3w 12m
immich       path    podmanctl   cold         onedrive  7d 3w 12m
kouizine     path    podmanctl   cold         onedrive  7d 3w 12m
n8n          path    podmanctl   cold         onedrive  7d 3w 12m
planka       path    podmanctl   cold         onedrive  7d 3w 12m
vaultwarden  path    podmanctl   cold         onedrive  7d 3w 12m
EXTRA TARGET  PATH      REMOTES
www           /srv/www  onedrive
CLIENT   SERVICES  ACTIONS
default  *         stop sync archive start sync-extra status list backup
warning: /srv/www does not exist
policy.toml is valid
)");
}

TEST_CASE("--check-policy shows the errors, one a line") {
  CHECK(check_report(load_policy("schema = 1\n[gate]\nslots = 0\nx = 1\n", "p.toml"), "p.toml", {}) ==
        "p.toml:3:9: gate.slots: 0 is not a number from 1 to 64\n"
        "p.toml:4:1: gate.x: unknown key; known here: lock_wait, rclone_config, slots, state_dir, timeouts, timezone, "
        "worker_uids\n"
        "p.toml is not valid; the gate serves nothing but the --start of a leased service\n");
}

TEST_CASE("the examples give no warning; unused tables and shared controllers do") {
  CHECK(warnings(load_valid(example("full.toml"))).empty());
  CHECK(warnings(load_valid(example("podman-onedrive.toml"))).empty());
  const auto found = warnings(load_valid(R"(schema = 1
remote = { a = { root = "/" }, b = { root = "/" } }
[controller.one]
kind = "systemd"
units = ["x.service"]
[controller.two]
kind = "systemd"
units = ["y.service"]
[service.x]
path = "/srv/x"
remotes = ["a"]
controller = "one"
[service.y]
path = "/srv/y"
remotes = ["a"]
controller = "one"
)"));
  REQUIRE(found.size() == 3);
  CHECK(found[0].starts_with("controller.one stops x and y together"));
  CHECK(found[1].starts_with("remote.b is used by nothing"));
  CHECK(found[2].starts_with("controller.two is used by nothing"));
}

TEST_CASE("volumes that are read hot or of another engine, and client tables without a default, are warned of") {
  const auto found = warnings(load_valid(R"(schema = 1
[remote.a]
root = "a"
[remote.b]
root = "b"
[controller.stack]
kind = "compose"
project = "stack"
services = ["web"]
engine = "podman"
[service.x]
volumes = ["data"]
remotes = ["a"]
controller = "stack"
[service.y]
volumes = ["more"]
remotes = ["b"]
[client.pull]
actions = ["export"]
)"));
  REQUIRE(found.size() == 3);
  CHECK(found[0] == "service.x has volumes of docker, and controller.stack stops containers of podman");
  CHECK(found[1].find("service.y are read while it runs") != std::string::npos);
  CHECK(found[2].find("none for \"default\"") != std::string::npos);
}

TEST_CASE("all that the policy names on this host is listed for the gate to check (X7)") {
  std::string text;
  for (const NamedPath& named : named_paths(load_valid(example("full.toml"))))
    text += fmt::format("{} {} {} {}\n", named.key, word(named.kind), named.path, named.service);
  CHECK(text == R"(gate.rclone_config secret file /etc/backupctl/rclone.conf 
remote.azure.env_file secret file /etc/backupctl/azure.env 
remote.disk.directory directory /var/backups/backupctl 
controller.podmanctl.stop program /usr/local/bin/podmanctl 
controller.podmanctl.start program /usr/local/bin/podmanctl 
controller.podmanctl.status program /usr/local/bin/podmanctl 
service.controller-db.postgres.password_file secret file /etc/backupctl/controller-db.pw controller-db
service.lightflow.path tree /media/ssd/podman/lightflow/data lightflow
service.lightrag.probe.entities program /usr/bin/docker lightrag
service.planka.path tree /media/ssd/podman/planka/data planka
service.vaultwarden.path tree /media/ssd/podman/vaultwarden/data vaultwarden
extra_target.www.path tree /srv/www www
)");
}
