#include <doctest/doctest.h>

#include <chrono>
#include <ctime>

#include "policy/load.h"
#include "tests/unit/policy_file.h"

using namespace backupctl;
using namespace backupctl::policy;
using namespace std::chrono_literals;

TEST_CASE("the example of policy.md is valid, whole") {
  const Policy policy = load_valid(example("full.toml"));
  CHECK(policy.gate.state_dir == "/var/lib/backupctl");
  CHECK(policy.gate.worker_uids == 1878982656);
  CHECK(policy.gate.timeouts.stop == 10min);
  CHECK(policy.gate.timeouts.backup == 12h);
  CHECK(policy.remotes.size() == 4);
  CHECK(policy.remotes.at("azure").env_file == "/etc/backupctl/azure.env");
  CHECK(policy.remotes.at("azure").access_tier == "cool");
  CHECK(policy.remotes.at("disk").directory == "/var/backups/backupctl");
  CHECK(policy.controllers.size() == 4);
  const Controller& compose = policy.controllers.at("lightrag");
  CHECK(compose.kind == ControllerKind::compose);
  CHECK(compose.services == std::vector<std::string>{"lightrag", "neo4j"});
  CHECK(compose.grace == 30s);
  CHECK(policy.controllers.at("podmanctl").status == Argv{"/usr/local/bin/podmanctl", "--status", "{service}"});
  CHECK(policy.controllers.at("controller").units == std::vector<std::string>{"kohakku-controller.service"});

  const Service& vaultwarden = policy.services.at("vaultwarden");
  CHECK(vaultwarden.source == SourceKind::tree);
  CHECK(vaultwarden.consistency == Consistency::cold);
  CHECK(vaultwarden.staging == "/media/ssd/podman/vaultwarden/.backupctl-staging/vaultwarden");
  CHECK(vaultwarden.exclude == std::vector<std::string>{"cache/**", "/.backupctl-restore/**"});
  CHECK(vaultwarden.snapshot_max_age == 12h);
  CHECK(vaultwarden.retention.keep == Keep{7, 3, 12});
  CHECK(vaultwarden.retention.floors == Keep{0, 3, 12});
  CHECK(vaultwarden.guard.max_delete_files.value == 50);
  CHECK(vaultwarden.guard.max_delete_files.percent);
  CHECK(vaultwarden.guard.mirror_history == 24h * 30);
  CHECK(vaultwarden.guard.max_down == 2h);
  CHECK(policy.services.at("planka").consistency == Consistency::snapshot);

  const Service& lightrag = policy.services.at("lightrag");
  CHECK(lightrag.source == SourceKind::volumes);
  CHECK(lightrag.consistency == Consistency::snapshot);
  CHECK(lightrag.volumes.size() == 4);
  CHECK(lightrag.keep_snapshots == std::map<std::string, std::uint32_t>{{"azure", 8}, {"local", 4}});
  REQUIRE(lightrag.health);
  CHECK(lightrag.health->json.at("status") == "healthy");
  CHECK(lightrag.health->within == 90s);
  CHECK(lightrag.probe.at("entities").size() == 4);
  CHECK(lightrag.export_);

  const Service& database = policy.services.at("controller-db");
  CHECK(database.source == SourceKind::postgres);
  CHECK(database.controller.empty());
  CHECK(database.consistency == Consistency::hot);
  CHECK(database.postgres.database == "kohakku-controller");
  CHECK(policy.services.at("queue").redis.port == 6379);
  CHECK(policy.services.at("briefs").bucket.prefixes == std::vector<std::string>{"briefs", "skills"});
  CHECK(policy.services.at("lightflow").sqlite == std::vector<std::string>{"lightflow.db"});
  CHECK(policy.extra_targets.at("www").path == "/srv/www");
  CHECK(policy.clients.at("default").actions.size() == 8);
  CHECK(policy.recoveries.at("kohakku").steps.back() == "start:controller");
}

TEST_CASE("loading is fast") {
  const std::string text = example("full.toml");
  constexpr int rounds = 200;
  const std::clock_t begin = std::clock();  // processor time: what else runs does not count
  for (int i = 0; i < rounds; ++i) CHECK(load_policy(text, "policy.toml"));
  const double each = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / rounds;
  MESSAGE("microseconds a load: ", each * 1e6);
  CHECK(each < 0.005);  // some 0.3 ms on a desktop processor; the rest is for small boards and sanitizers
}
