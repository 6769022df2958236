#include <doctest/doctest.h>

#include <map>

#include "gate/service/controller.h"

using namespace backupctl;
using namespace backupctl::service;

namespace {

/// Stands in for systemctl (no systemd runs where the tests run): the answers of systemd 252's `systemctl show`.
struct FakeSystemd {
  struct Unit {
    std::string active = "active", load = "loaded", result = "success";
    bool stops = true, killed = false, starts = true;
    int since = 5;
  };
  std::map<std::string, Unit> units;
  std::vector<std::string> log;
  std::string garbage;
  int status = 0;

  CommandOutput answer(const policy::Argv& argv) {
    CHECK(argv.at(0) == "/usr/bin/systemctl");
    const auto dashes = std::find(argv.begin(), argv.end(), "--");
    REQUIRE(dashes != argv.end());
    CommandOutput output;
    if (argv[1] == "show") {
      output.status = status;
      for (auto name = dashes + 1; name != argv.end(); ++name) {
        const Unit unit = units.contains(*name) ? units[*name] : Unit{"inactive", "not-found"};
        if (name != dashes + 1) output.out += "\n";
        output.out += "Result=" + unit.result + "\nId=" + *name + "\nLoadState=" + unit.load + "\nActiveState=" + unit.active +
                      "\nActiveEnterTimestampMonotonic=" + std::to_string(unit.since) + "\n";
      }
      output.out += garbage;
      return output;
    }
    CHECK(argv[1] == "--no-ask-password");
    REQUIRE(argv.end() - dashes == 2);
    log.push_back(argv[2] + " " + argv.back());
    Unit& unit = units[argv.back()];
    if (argv[2] == "stop") {
      if (!unit.stops) return {0, {}, {}, true};
      unit.active = unit.killed ? "failed" : "inactive";
      if (unit.killed) unit.result = "timeout";
    } else {
      if (!unit.starts) return {1, {}, "Job for b.service failed.\nSee \"systemctl status b.service\".\n", false};
      unit.active = "active";
    }
    return output;
  }
  Runner runner() {
    return [this](const policy::Argv& argv, Seconds) -> Result<CommandOutput> { return answer(argv); };
  }
};

policy::Controller controller() {
  policy::Controller controller;
  controller.name = "kohakku";
  controller.kind = policy::ControllerKind::systemd;
  controller.units = {"a.service", "b.service"};
  return controller;
}

const Names both{"a.service", "b.service"};

}  // namespace

TEST_CASE("systemd: states") {
  struct Row {
    const char* active;
    bool running, stopped;
  };
  for (const Row& row :
       {Row{"active", true, false}, Row{"reloading", true, false}, Row{"inactive", false, true}, Row{"failed", false, true},
        Row{"activating", false, false}, Row{"deactivating", false, false}, Row{"maintenance", false, false}}) {
    CAPTURE(row.active);
    FakeSystemd fake;
    fake.units = {{"a.service", {row.active}}};
    const auto state = query(controller(), "kohakku", fake.runner());
    REQUIRE(state);
    CHECK(state->running == (row.running ? Names{"a.service"} : Names{}));
    CHECK(state->stopped == (row.stopped ? Names{"a.service"} : Names{}));
    CHECK(state->missing == Names{"b.service"});
    CHECK(state->at_rest() == row.stopped);
  }
}

TEST_CASE("systemd: an answer that is not exactly what was asked for is refused") {
  for (const char* garbage : {"\nId=c.service\nLoadState=loaded\nActiveState=active\n", "Surprise=1\n", "LoadState=loaded\n",
                              "no line end", "\n", "nothing\n"}) {
    CAPTURE(garbage);
    FakeSystemd fake;
    fake.units = {{"a.service", {}}, {"b.service", {}}};
    fake.garbage = garbage;
    CHECK(query(controller(), "kohakku", fake.runner()).error().exit == Exit::unavailable);
  }
  FakeSystemd down;
  down.status = 1;
  CHECK(query(controller(), "kohakku", down.runner()).error().exit == Exit::unavailable);
}

TEST_CASE("systemd: stopped in the listed order, started in reverse") {
  FakeSystemd fake;
  fake.units = {{"a.service", {}}, {"b.service", {}}};
  REQUIRE(stop(controller(), "kohakku", both, Seconds{60}, fake.runner()));
  REQUIRE(start(controller(), "kohakku", both, Seconds{60}, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"stop a.service", "stop b.service", "start b.service", "start a.service"});
}

TEST_CASE("systemd: killed after its TimeoutStopSec is not stopped, and neither is one that comes back") {
  FakeSystemd fake;
  fake.units["a.service"].killed = true;
  CHECK(stop(controller(), "kohakku", {"a.service"}, Seconds{60}, fake.runner()).error().exit == Exit::unavailable);
  FakeSystemd back;
  back.units["a.service"] = {};
  const Runner socket = [&](const policy::Argv& argv, Seconds) -> Result<CommandOutput> {
    auto output = back.answer(argv);
    back.units["a.service"].active = "activating";
    return output;
  };
  CHECK(stop(controller(), "kohakku", {"a.service"}, Seconds{60}, socket).error().exit == Exit::unavailable);
}

TEST_CASE("systemd: the step's time over is 124") {
  FakeSystemd fake;
  fake.units["a.service"].stops = false;
  CHECK(stop(controller(), "kohakku", {"a.service"}, Seconds{60}, fake.runner()).error().exit == Exit::timed_out);
}

TEST_CASE("systemd: a unit that does not start does not keep the others down") {
  FakeSystemd fake;
  fake.units = {{"a.service", {"inactive"}}, {"b.service", {"inactive"}}};
  fake.units["b.service"].starts = false;
  const auto done = start(controller(), "kohakku", both, Seconds{60}, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::unavailable);
  CHECK(done.error().sentence.find("systemctl status b.service") != std::string::npos);
  CHECK(fake.units["a.service"].active == "active");
}
