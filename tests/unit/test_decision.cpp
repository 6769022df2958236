#include <doctest/doctest.h>

#include "policy/decision.h"
#include "tests/unit/policy_file.h"

using namespace backupctl;
using namespace backupctl::policy;

namespace {

constexpr const char* policy_text = R"(schema = 1
[gate]
timeouts = { sync = "2h" }
[retention]
floors = { weekly = 2 }
[remote.onedrive]
root = "/OdroidBackup"
[remote.disk]
directory = "/var/backups/x"
root = "/"
[controller.podmanctl]
kind = "command"
stop = ["/usr/local/bin/podmanctl", "--stop", "{service}"]
start = ["/usr/local/bin/podmanctl", "--start", "{service}"]
[service.vaultwarden]
controller = "podmanctl"
path = "/media/ssd/podman/vaultwarden/data"
remotes = ["onedrive", "disk"]
[service.planka]
controller = "podmanctl"
path = "/media/ssd/podman/planka/data"
remotes = ["onedrive"]
export = true
[service.days]
path = "/srv/days"
remotes = ["disk"]
keep = { daily = 5, weekly = 2, monthly = 0, floors = { weekly = 0, monthly = 0 } }
[service.kg]
controller = "podmanctl"
volumes = ["kg"]
remotes = ["disk"]
export = true
[service.db]
postgres = { user = "u", database = "d" }
remotes = ["disk"]
[service.queue]
controller = "podmanctl"
redis = {}
remotes = ["disk"]
[extra_target.www]
path = "/srv/www"
remotes = ["onedrive"]
[client.default]
services = ["*"]
actions = ["stop", "sync", "archive", "start", "sync-extra", "snapshot", "backup", "verify", "export", "status", "list", "version"]
[client.narrow]
services = ["planka", "www"]
actions = ["start", "stop", "sync", "sync-extra", "status"]
hours = "22:00-06:00"
per_hour = 3
[client.day]
actions = ["status"]
hours = "08:00-24:00"
)";

const Policy& the_policy() {
  static const Policy policy = load_valid(policy_text);
  return policy;
}

Request parsed(const std::string& text) {
  const auto request = parse_request("backupctl " + text);
  REQUIRE_MESSAGE(request, text);
  return *request;
}

Decision decided(const std::string& text, const Caller& caller = {}) { return decide(the_policy(), parsed(text), caller); }

const Caller narrow{.client = "narrow", .minute_of_day = 23 * 60};
const Caller root{.client = "", .is_operator = true};

}  // namespace

TEST_CASE("the five compatible lines of wire.md are allowed, with the example policy too") {
  const Policy example_policy = load_valid(example("podman-onedrive.toml"));
  for (const char* line :
       {"backupctl --stop vaultwarden --timeout 120",
        "backupctl --sync vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup --timeout 3600",
        "backupctl --archive vaultwarden --path /media/ssd/podman/vaultwarden/data --remote onedrive:/OdroidBackup "
        "--keep-weekly 3 "
        "--keep-monthly 12 --timeout 3600",
        "backupctl --start vaultwarden --timeout 300",
        "backupctl --sync-extra www --remote onedrive:/OdroidBackup --timeout 3600"}) {
    CAPTURE(line);
    const auto request = parse_request(line);
    REQUIRE(request);
    for (const Policy* policy : {&the_policy(), &example_policy}) {
      const Decision decision = decide(*policy, *request, {});
      REQUIRE_MESSAGE(decision, (decision ? "" : decision.error().rule));
      CHECK(decision->timeout == Seconds{*request->timeout});
      CHECK((decision->service != nullptr ? decision->service->name : decision->target->name) == request->name);
      if (request->remote) {
        REQUIRE(decision->remotes.size() == 1);
        CHECK(decision->remotes.front()->name == "onedrive");
      }
    }
  }
}

TEST_CASE("every refusal of the policy, with the rule that decided (X1, X2)") {
  struct Row {
    RefusalCode code;
    const char* request;
    Caller caller;
    const char* rule;
  };
  const Caller late{.client = "narrow", .minute_of_day = 6 * 60};
  const Caller early{.client = "narrow", .minute_of_day = 22 * 60 - 1};
  const Caller often{.client = "narrow", .minute_of_day = 0, .requests_last_hour = 3};
  const Row rows[] = {
      {RefusalCode::not_allowed, "--status", {.client = "other"}, "there is no client.other"},
      {RefusalCode::not_allowed, "--list", narrow, "client.narrow.actions does not have \"list\""},
      {RefusalCode::not_allowed, "--version", narrow, "client.narrow.actions does not have \"version\""},
      {RefusalCode::not_allowed, "--archive nothing", narrow, "client.narrow.actions does not have \"archive\""},
      {RefusalCode::not_allowed, "--export vaultwarden", {}, "service.vaultwarden.export is false"},
      {RefusalCode::unknown_name, "--sync nothing", {}, "there is no service.nothing"},
      {RefusalCode::unknown_name, "--sync www", {}, "there is no service.www"},
      {RefusalCode::unknown_name, "--sync-extra vaultwarden", {}, "there is no extra_target.vaultwarden"},
      {RefusalCode::unknown_name, "--status nothing", {}, "there is no service.nothing"},
      {RefusalCode::unknown_name, "--sync vaultwarden", narrow, "client.narrow.services does not have \"vaultwarden\""},
      {RefusalCode::unknown_name, "--sync vaultwarden --path /etc", narrow,
       "client.narrow.services does not have \"vaultwarden\""},
      {RefusalCode::verb_not_for_source,
       "--sync db",
       {},
       "service.db is a source of kind postgres, which has no --sync; use --backup db"},
      {RefusalCode::verb_not_for_source,
       "--archive kg",
       {},
       "service.kg is a source of kind volumes, which has no --archive; use --backup kg"},
      {RefusalCode::verb_not_for_source,
       "--snapshot queue",
       {},
       "service.queue is a source of kind redis, which has no --snapshot; use --backup queue"},
      {RefusalCode::verb_not_for_source, "--export db", {}, "service.db is a source of kind postgres, which has no --export"},
      {RefusalCode::verb_not_for_source, "--stop db", {}, "service.db.controller is \"none\", so there is nothing to stop"},
      {RefusalCode::path_mismatch,
       "--sync vaultwarden --path /etc",
       {},
       "service.vaultwarden.path is /media/ssd/podman/vaultwarden/data, the request asserts /etc"},
      {RefusalCode::path_mismatch, "--sync vaultwarden --path /media/ssd/podman/vaultwarden/data/", {}, "the request asserts"},
      {RefusalCode::path_mismatch, "--archive vaultwarden --path /media/ssd/podman/planka/data", {}, "the request asserts"},
      {RefusalCode::remote_mismatch,
       "--sync planka --remote onedrive:/Other",
       {},
       "service.planka.remotes are onedrive:/OdroidBackup, the request asserts onedrive:/Other"},
      {RefusalCode::remote_mismatch, "--sync planka --remote disk:/", {}, "the request asserts disk:/"},
      {RefusalCode::remote_mismatch,
       "--sync planka --remote azure:/OdroidBackup",
       {},
       "the request asserts azure:/OdroidBackup"},
      {RefusalCode::remote_mismatch, "--sync-extra www --remote onedrive:/OdroidBackup/", {}, "extra_target.www.remotes are"},
      {RefusalCode::below_floor,
       "--archive planka --keep-weekly 1",
       {},
       "the floors of service.planka are weekly 2 and monthly 12"},
      {RefusalCode::below_floor, "--archive planka --keep-monthly 11", {}, "the request comes to weekly 3 and monthly 11"},
      {RefusalCode::below_floor, "--archive days --keep-weekly 0", {}, "which would keep nothing"},
      {RefusalCode::below_floor, "--archive planka --keep-weekly 0 --keep-monthly 0", root, "which would keep nothing"},
      {RefusalCode::above_ceiling,
       "--sync planka --timeout 7201",
       {},
       "gate.timeouts.sync is 7200 s, the request asks for 7201 s"},
      {RefusalCode::above_ceiling, "--sync-extra www --timeout 7201", {}, "gate.timeouts.sync is 7200 s"},
      {RefusalCode::above_ceiling, "--stop planka --timeout 601", {}, "gate.timeouts.stop is 600 s"},
      {RefusalCode::above_ceiling, "--snapshot planka --timeout 601", {}, "gate.timeouts.stop is 600 s"},
      {RefusalCode::above_ceiling, "--backup db --timeout 43201", root, "gate.timeouts.backup is 43200 s"},
      {RefusalCode::outside_hours, "--sync planka", late, "client.narrow.hours is 22:00-06:00, it is 06:00"},
      {RefusalCode::outside_hours, "--status", early, "client.narrow.hours is 22:00-06:00, it is 21:59"},
      {RefusalCode::outside_hours,
       "--status",
       {.client = "day", .minute_of_day = 479},
       "client.day.hours is 08:00-24:00, it is 07:59"},
      {RefusalCode::too_often, "--sync planka", often, "client.narrow.per_hour is 3, 3 came in the last hour"},
  };
  bool seen[refusal_count] = {};
  for (const Row& row : rows) {
    CAPTURE(row.request);
    const Decision decision = decided(row.request, row.caller);
    REQUIRE_FALSE(decision);
    CHECK(info(decision.error().code).word == info(row.code).word);
    CHECK_MESSAGE(decision.error().rule.find(row.rule) != std::string::npos, decision.error().rule);
    // The client reads the table's sentence, which quotes nothing of the policy.
    CHECK(info(row.code).sentence.find("/media") == std::string_view::npos);
    CHECK(info(row.code).exit == Exit::not_permitted);
    seen[static_cast<std::size_t>(decision.error().code)] = true;
  }
  for (auto code = static_cast<std::size_t>(RefusalCode::unknown_name); code < refusal_count; ++code)
    CHECK_MESSAGE(seen[code], code);
}

TEST_CASE("a name that a client may not use answers like one that does not exist") {
  for (const char* verb : {"--stop ", "--start ", "--sync ", "--status "}) {
    const Decision hidden = decided(std::string(verb) + "vaultwarden", narrow);
    const Decision absent = decided(std::string(verb) + "nothing", narrow);
    REQUIRE_FALSE(hidden);
    REQUIRE_FALSE(absent);
    CHECK(hidden.error().code == absent.error().code);
  }
  CHECK(may_use(&the_policy().clients.at("narrow"), "planka"));
  CHECK_FALSE(may_use(&the_policy().clients.at("narrow"), "vaultwarden"));
  CHECK(may_use(nullptr, "vaultwarden"));
}

TEST_CASE("what is allowed comes with everything filled in") {
  const Decision archive = decided("--archive planka --keep-weekly 5 --json");
  REQUIRE(archive);
  CHECK(archive->keep == Keep{0, 5, 12});
  CHECK(archive->keep_last == 2);
  CHECK(archive->json);
  CHECK(archive->timeout == std::chrono::hours{6});
  CHECK(archive->service == &the_policy().services.at("planka"));
  CHECK(archive->rule.find("client.default.actions has \"archive\"") != std::string::npos);
  CHECK(decided("--archive planka --keep-monthly 13")->keep == Keep{0, 3, 13});
  CHECK(decided("--archive planka")->keep == Keep{7, 3, 12});
  CHECK(decided("--backup days")->keep == Keep{5, 2, 0});
  CHECK(decided("--sync vaultwarden")->remotes.size() == 2);
  CHECK(decided("--sync vaultwarden --remote disk:/")->remotes == std::vector{&the_policy().remotes.at("disk")});
  CHECK(decided("--sync vaultwarden")->timeout == std::chrono::hours{2});
  CHECK(decided("--sync vaultwarden --timeout 7200")->timeout == std::chrono::hours{2});
  CHECK(decided("--sync-extra www")->target == &the_policy().extra_targets.at("www"));
  CHECK(decided("--status www")->target == &the_policy().extra_targets.at("www"));
  CHECK(decided("--status")->service == nullptr);
  CHECK(decided("--status")->timeout == quick_timeout);
  CHECK(decided("--version")->remotes.empty());
  CHECK(decided("--verify kg --snapshot-id 20260101-000000")->snapshot_id == "20260101-000000");
  CHECK(decided("--export kg"));
  CHECK(decided("--export planka"));
  CHECK(decided("--stop queue"));
  CHECK(decided("--start days"));  // a tree that nothing stops: nothing to do, done
  CHECK(decided("--status", {.client = "day", .minute_of_day = 1439}));
  CHECK(decided("--sync planka", {.client = "narrow", .minute_of_day = 22 * 60, .requests_last_hour = 2}));
  CHECK(decided("--sync planka", {.client = "narrow", .minute_of_day = 6 * 60 - 1}));
}

TEST_CASE("S1: starting is held back by neither hours nor rate") {
  const Caller caller{.client = "narrow", .minute_of_day = 12 * 60, .requests_last_hour = 1000};
  CHECK(decided("--start planka", caller));
  CHECK_FALSE(decided("--stop planka", caller));
}

TEST_CASE("the operator skips the rights of clients, and nothing else") {
  CHECK(decided("--export vaultwarden", root));
  CHECK(decided("--sync vaultwarden", root));
  CHECK(decided("--sync vaultwarden", root)->client == nullptr);
  for (const char* request :
       {"--sync vaultwarden --path /etc", "--sync db", "--archive planka --keep-weekly 1", "--sync planka --timeout 7201"})
    CHECK_FALSE_MESSAGE(decided(request, root), request);
}

TEST_CASE("without a client table there is one client, which may do all but export") {
  std::string text = policy_text;
  text.resize(text.find("[client."));
  const Policy policy = load_valid(text);
  REQUIRE(policy.clients.size() == 1);
  for (const char* request : {"--stop planka", "--sync planka", "--archive planka", "--start planka", "--sync-extra www",
                              "--snapshot planka", "--backup db", "--verify kg", "--status", "--list", "--version"})
    CHECK_MESSAGE(decide(policy, parsed(request), {}), request);
  const Decision exported = decide(policy, parsed("--export kg"), {});
  REQUIRE_FALSE(exported);
  CHECK(exported.error().code == RefusalCode::not_allowed);
  const Decision other = decide(policy, parsed("--status"), {.client = "other"});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == RefusalCode::not_allowed);
}

TEST_CASE("the checks are made in the documented order") {
  std::vector<Judged> trace;
  const Request request =
      parsed("--sync planka --path /media/ssd/podman/planka/data --remote onedrive:/OdroidBackup --timeout 60");
  REQUIRE(decide(the_policy(), request, {.client = "narrow", .minute_of_day = 0}, &trace));
  std::string order;
  for (const Judged& judged : trace) order += std::string(judged.check) + " ";
  CHECK(order == "client action name source path remote ceiling hours rate ");
}
