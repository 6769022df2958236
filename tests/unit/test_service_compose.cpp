#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "gate/service/controller.h"

using namespace backupctl;
using namespace backupctl::service;

namespace {

/// Stands in for docker 20.10, and says what it says.
struct FakeDocker {
  struct Container {
    std::string service = {};
    std::string status = "running";
    std::string oneoff = "False";
    bool stops = true;
    std::string signal = "SIGTERM";
    std::string events = {};  ///< signals of its kill events
  };
  std::map<std::string, Container> containers;
  std::vector<std::string> log;
  bool down = false;

  CommandOutput answer(const policy::Argv& argv) {
    CHECK(argv.at(0) == "/usr/bin/docker");
    if (down) return {1, {}, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n", false};
    const auto dashes = std::find(argv.begin(), argv.end(), "--");
    const Names names(dashes == argv.end() ? dashes : dashes + 1, argv.end());
    const std::string verb = argv.at(1) == "container" ? argv.at(2) : argv.at(1);
    CommandOutput output;
    if (verb == "ls") {
      for (const auto& [name, each] : containers) {
        if (argv.back() == "label=com.docker.compose.project=lightrag") output.out += name + "\n";
        if (argv.back() == "name=^/" + name + "$") output.out += "1f\n";
      }
      return output;
    }
    if (verb == "events") return {0, containers[argv.at(argv.size() - 3).substr(10)].events, {}, false};
    const bool labelled = verb == "inspect" && argv.at(4).find("compose.service") != std::string::npos;
    for (const std::string& name : names) {
      if (!containers.contains(name)) {
        output.status = 1;
        output.err = "Error: No such container: " + name + "\n";
        continue;
      }
      Container& each = containers[name];
      if (verb == "inspect") {
        output.out += "/" + name + " " + each.status + " " + each.signal + " false 2026-11-21T14:15:49.678084593Z 0" +
                      (labelled ? " " + each.service + ":" + each.oneoff : "") + "\n";
        continue;
      }
      if (verb == "kill") {
        log.push_back("kill " + argv.at(4) + " " + name);
        if (each.stops) each.status = "exited";
        each.events = "15\n";
      } else if (verb == "wait") {
        log.push_back("wait " + name);
        output.timed_out = output.timed_out || each.status == "running";
      } else if (verb == "start") {
        log.push_back("start " + name);
        each.status = "running";
      } else {
        FAIL("unexpected: docker " << verb);
      }
    }
    return output;
  }
  Runner runner() {
    return [this](const policy::Argv& argv, Seconds) -> Result<CommandOutput> { return answer(argv); };
  }
};

policy::Controller lightrag() {
  policy::Controller controller;
  controller.name = "lightrag";
  controller.kind = policy::ControllerKind::compose;
  controller.engine = "docker";
  controller.project = "lightrag";
  controller.services = {"lightrag", "neo4j"};
  controller.grace = Seconds{30};
  return controller;
}

FakeDocker stack() {
  FakeDocker fake;
  fake.containers = {{"lightrag_lightrag_1", {"lightrag"}},
                     {"lightrag_neo4j_1", {"neo4j", "running", "False", true, "SIGINT"}},
                     {"lightrag_proxy_1", {"proxy"}},
                     {"lightrag_neo4j_run_2f", {"neo4j", "running", "True"}}};
  return fake;
}

const Seconds minute{60};

}  // namespace

TEST_CASE("compose: the policy's services in their order, without other services and `compose run`") {
  FakeDocker fake = stack();
  const auto state = query(lightrag(), "lightrag", fake.runner());
  REQUIRE(state);
  CHECK(state->running == Names{"lightrag_lightrag_1", "lightrag_neo4j_1"});
  REQUIRE(stop(lightrag(), "lightrag", state->running, minute, fake.runner()));
  REQUIRE(start(narrowed(lightrag(), state->running), "lightrag", state->running, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"kill SIGTERM lightrag_lightrag_1", "wait lightrag_lightrag_1",
                                             "kill SIGINT lightrag_neo4j_1", "wait lightrag_neo4j_1", "start lightrag_neo4j_1",
                                             "start lightrag_lightrag_1"});
}

TEST_CASE("compose: the containers of one service are told together, then awaited") {
  FakeDocker fake = stack();
  fake.containers["lightrag_lightrag_2"] = {"lightrag"};
  REQUIRE(stop(lightrag(), "lightrag", {"lightrag_lightrag_1", "lightrag_lightrag_2"}, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"kill SIGTERM lightrag_lightrag_1", "kill SIGTERM lightrag_lightrag_2",
                                             "wait lightrag_lightrag_1", "wait lightrag_lightrag_2"});
}

TEST_CASE("compose: a service without a container is missing, docker not running is an error") {
  FakeDocker fake = stack();
  fake.containers.erase("lightrag_neo4j_1");
  const auto state = query(lightrag(), "lightrag", fake.runner());
  REQUIRE(state);
  CHECK(state->missing == Names{"service neo4j of project lightrag"});
  fake.down = true;
  const auto failed = query(lightrag(), "lightrag", fake.runner());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().exit == Exit::unavailable);
  CHECK(failed.error().sentence.find("Cannot connect to the Docker daemon") != std::string::npos);
}

TEST_CASE("compose: one that does not stop in its grace is not killed, and a start knows that it is on its way down (S1)") {
  FakeDocker fake = stack();
  fake.containers["lightrag_lightrag_1"].stops = false;
  const Names both{"lightrag_lightrag_1", "lightrag_neo4j_1"};
  CHECK(stop(lightrag(), "lightrag", both, minute, fake.runner()).error().exit == Exit::unavailable);
  CHECK(fake.containers["lightrag_neo4j_1"].status == "running");
  fake.log.clear();
  // It still runs, but was told: to leave it would leave the service down a moment later.
  const auto early = start(narrowed(lightrag(), both), "lightrag", both, minute, fake.runner());
  REQUIRE_FALSE(early);
  CHECK(early.error().sentence.find("docker kill lightrag_lightrag_1") != std::string::npos);
  CHECK(fake.log == std::vector<std::string>{"wait lightrag_lightrag_1"});
  fake.containers["lightrag_lightrag_1"].status = "exited";
  CHECK(start(narrowed(lightrag(), both), "lightrag", both, minute, fake.runner()));
}

TEST_CASE("compose: a signal that is not the stop signal does not count as told") {
  FakeDocker fake = stack();
  fake.containers["lightrag_lightrag_1"].events = "1\n";
  CHECK(start(narrowed(lightrag(), {"lightrag_lightrag_1"}), "lightrag", {"lightrag_lightrag_1"}, minute, fake.runner()));
  CHECK(fake.log.empty());
}

TEST_CASE("compose: what a lease lists and exists no longer is said") {
  FakeDocker fake = stack();
  const auto done = start(narrowed(lightrag(), {"gone_1"}), "lightrag", {"gone_1"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().sentence == "gone_1 ran before and exists no longer: create it, then start lightrag");
}
