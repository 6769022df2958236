#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "gate/service/controller.h"

using namespace backupctl;
using namespace backupctl::service;

namespace {

/// Stands in for podman: containers that stop, refuse or vanish, and the answers podman 4.3.1 gives.
struct FakePodman {
  struct Container {
    std::string status = "running";
    bool stops = true;
    std::string removed = "false";
    int started = 1;
    bool starts = true;
    int pid = 0;
    bool told = true;  ///< it was sent its stop signal
  };
  std::map<std::string, Container> containers;
  std::map<std::string, std::vector<std::string>> pods;
  std::vector<std::string> log;    ///< "stop planka", in the order in which it was asked for
  std::vector<Seconds> stop_time;  ///< how long each stop was given
  std::vector<Seconds> wait_time;  ///< how long each wait was given
  bool broken = false;
  std::string garbage;

  CommandOutput answer(policy::Argv argv, Seconds within) {
    CHECK(argv.at(0) == "/usr/bin/podman");
    if (broken) return {125, {}, "Error: database is locked\n", false};
    const auto dashes = std::find(argv.begin(), argv.end(), "--");
    REQUIRE(dashes != argv.end());  // no name can be taken for an option
    const Names names(dashes + 1, argv.end());
    const std::string verb = argv.at(1) + (argv[1] == "container" || argv[1] == "pod" ? " " + argv.at(2) : "");
    CommandOutput output;
    if (verb == "container inspect") {
      for (const std::string& name : names) {
        if (!containers.contains(name)) {
          output.status = 125;
          output.err = "Error: inspecting object: no such container " + name + "\n";
          continue;
        }
        const Container& each = containers[name];
        output.out += name + " " + each.status + " 15 " + each.removed + " " + std::to_string(each.started) + " " +
                      std::to_string(each.pid) + "\n";
      }
      output.out += garbage;
      return output;
    }
    if (verb == "container exists") return {containers.contains(names.at(0)) ? 0 : 1, {}, {}, false};
    if (verb == "pod exists") return {pods.contains(names.at(0)) ? 0 : 1, {}, {}, false};
    if (verb == "pod inspect") {
      output.out = "1f";
      for (const std::string& name : pods[names.at(0)])
        output.out += " " + std::string(name == "infra" ? "1f" : "aa") + " " + name;
      output.out += "\n";
      return output;
    }
    for (const std::string& name : names) {
      Container& each = containers[name];
      log.push_back(verb + " " + name);
      if (verb == "stop") {
        CHECK(argv[2] == "--time");
        CHECK(argv[3] == "4294967295");  // podman itself never gets to its SIGKILL
        stop_time.push_back(within);
        each.status = each.stops ? "exited" : "stopping";
        each.told = true;
        output.timed_out = output.timed_out || !each.stops;
      } else if (verb == "wait") {
        wait_time.push_back(within);
        output.timed_out = !each.stops || !each.told;
        if (!output.timed_out) each.status = "exited";
      } else if (verb == "start") {
        if (each.status == "stopping") return {125, {}, "Error: must be in Created or Stopped state\n", false};
        if (!each.starts) return {125, {}, "Error: no such image\n", false};
        each.status = "running";
        ++each.started;
      } else {
        FAIL("unexpected: podman " << verb);
      }
    }
    return output;
  }
  Runner runner() {
    return [this](const policy::Argv& argv, Seconds within) -> Result<CommandOutput> { return answer(argv, within); };
  }
};

policy::Controller planka() {
  policy::Controller controller;
  controller.name = "planka";
  controller.kind = policy::ControllerKind::podman;
  controller.containers = {"planka", "planka-db"};
  controller.grace = Seconds{30};
  return controller;
}

policy::Controller pod() {
  policy::Controller controller = planka();
  controller.containers.clear();
  controller.pod = "kouizine";
  return controller;
}

const Seconds minute{60};

}  // namespace

TEST_CASE("podman: only running runs, only what ended is at rest") {
  struct Row {
    const char* status;
    bool running, stopped;
  };
  for (const Row& row : {Row{"running", true, false}, Row{"exited", false, true}, Row{"created", false, true},
                         Row{"configured", false, true}, Row{"initialized", false, true}, Row{"stopped", false, true},
                         Row{"paused", false, false}, Row{"removing", false, false}, Row{"stopping", false, false},
                         Row{"unknown", false, false}, Row{"restarting", false, false}}) {
    CAPTURE(row.status);
    FakePodman fake;
    fake.containers = {{"planka", {row.status}}, {"planka-db", {"exited"}}};
    const auto state = query(planka(), "planka", fake.runner());
    REQUIRE(state);
    CHECK(state->running.size() == (row.running ? 1 : 0));
    CHECK(state->stopped.size() == (row.stopped ? 2 : 1));
    CHECK(state->at_rest() == row.stopped);
    if (!row.running && !row.stopped) CHECK(state->other == Names{std::string("planka (") + row.status + ")"});
  }
}

TEST_CASE("podman: a container that does not exist is missing, a podman that fails is an error") {
  FakePodman fake;
  fake.containers = {{"planka", {}}};
  const auto state = query(planka(), "planka", fake.runner());
  REQUIRE(state);
  CHECK(state->running == Names{"planka"});
  CHECK(state->missing == Names{"planka-db"});
  fake.broken = true;
  CHECK(query(planka(), "planka", fake.runner()).error().exit == Exit::unavailable);
}

TEST_CASE("podman: an answer that is not exactly what was asked for is refused") {
  for (const char* garbage : {"planka\n", "a b c d e f g\n", "planka running 15 maybe 1 1\n", "planka running 15 false x 1\n",
                              "planka running 15 false 1 -1\n", " running 15 false 1 1\n", "planka running 15 false 1 1x\n"}) {
    CAPTURE(garbage);
    FakePodman fake;
    fake.containers = {{"planka", {}}, {"planka-db", {}}};
    fake.garbage = garbage;
    CHECK(query(planka(), "planka", fake.runner()).error().exit == Exit::unavailable);
  }
  FakePodman fake;
  fake.containers = {{"planka", {}}, {"planka-db", {}}};
  fake.garbage = std::string(65536, '\n');
  CHECK(query(planka(), "planka", fake.runner()).error().exit == Exit::unavailable);
}

TEST_CASE("podman: stopped in the listed order, started in reverse") {
  FakePodman fake;
  fake.containers = {{"planka", {}}, {"planka-db", {}}};
  REQUIRE(stop(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner()));
  REQUIRE(start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"stop planka", "stop planka-db", "start planka-db", "start planka"});
}

TEST_CASE("podman: a start shows in what a cold read compares") {
  FakePodman fake;
  fake.containers = {{"planka", {"exited"}}, {"planka-db", {"exited"}}};
  const std::string before = query(planka(), "planka", fake.runner())->started;
  CHECK(before == query(planka(), "planka", fake.runner())->started);
  ++fake.containers["planka"].started;  // ran in between, and is down again
  CHECK(before != query(planka(), "planka", fake.runner())->started);
}

TEST_CASE("podman: only the units asked for are touched (S2)") {
  FakePodman fake;
  fake.containers = {{"planka", {}}, {"planka-db", {"exited"}}};
  REQUIRE(stop(planka(), "planka", {"planka"}, minute, fake.runner()));
  REQUIRE(start(planka(), "planka", {"planka"}, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"stop planka", "start planka"});
  CHECK(fake.containers["planka-db"].status == "exited");
}

TEST_CASE("podman: a pod's containers without the one that holds its namespaces, and only those that ran") {
  FakePodman fake;
  fake.pods["kouizine"] = {"infra", "web", "worker", "job"};
  fake.containers = {{"infra", {}}, {"web", {}}, {"worker", {}}, {"job", {"exited"}}};
  const auto state = query(pod(), "kouizine", fake.runner());
  REQUIRE(state);
  CHECK(state->running == Names{"web", "worker"});
  CHECK(state->stopped == Names{"job"});
  REQUIRE(stop(pod(), "kouizine", state->running, minute, fake.runner()));
  REQUIRE(start(pod(), "kouizine", state->running, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"stop web", "stop worker", "start worker", "start web"});
  fake.pods.clear();
  CHECK(query(pod(), "kouizine", fake.runner())->missing == Names{"kouizine"});
}

TEST_CASE("podman: one that does not stop in its grace ends the stop with 69, and is awaited before it is started") {
  FakePodman fake;
  fake.containers = {{"planka", {"running", false}}, {"planka-db", {}}};
  const auto done = stop(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::unavailable);
  CHECK(fake.stop_time == std::vector<Seconds>{Seconds{30}});
  CHECK(fake.log == std::vector<std::string>{"stop planka"});  // the database was left alone
  fake.containers["planka"].stops = true;
  REQUIRE(start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner()));
  CHECK(fake.containers["planka"].status == "running");
  CHECK(fake.log == std::vector<std::string>{"stop planka", "wait planka", "start planka"});
}

TEST_CASE("podman: the step's own time over is 124, not 69") {
  FakePodman fake;
  fake.containers = {{"planka", {"running", false}}, {"planka-db", {}}};
  const auto done = stop(planka(), "planka", {"planka", "planka-db"}, Seconds{10}, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::timed_out);
  CHECK(fake.stop_time == std::vector<Seconds>{Seconds{10}});
}

TEST_CASE("podman: one that never stops does not keep the others down, and the error says what to do") {
  FakePodman fake;
  fake.containers = {{"planka", {"stopping", false}}, {"planka-db", {"exited"}}};
  const auto done = start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::unavailable);
  CHECK(done.error().sentence.find("podman kill planka") != std::string::npos);
  CHECK(fake.log == std::vector<std::string>{"start planka-db", "wait planka", "stop planka"});
}

TEST_CASE("podman: one that was left stopping without ever being told is told, and started (S1)") {
  FakePodman fake;
  fake.containers = {{"planka", {"stopping"}}};
  fake.containers["planka"].told = false;
  REQUIRE(start(planka(), "planka", {"planka"}, Seconds{600}, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"wait planka", "stop planka", "start planka"});
  CHECK(fake.wait_time == std::vector<Seconds>{Seconds{30}});
  fake = {};
  fake.containers = {{"planka", {"stopping"}}};
  fake.containers["planka"].told = false;
  REQUIRE(start(planka(), "planka", {"planka"}, Seconds{10}, fake.runner()));  // there is time left for it
  CHECK(fake.wait_time == std::vector<Seconds>{Seconds{5}});
}

TEST_CASE("podman: one that cannot be started does not keep the others down") {
  FakePodman fake;
  fake.containers = {{"planka", {"exited"}}, {"planka-db", {"exited", true, "false", 1, false}}};
  const auto done = start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().sentence.find("no such image") != std::string::npos);
  CHECK(fake.containers["planka"].status == "running");
}

TEST_CASE("podman: paused is not undone, gone is said") {
  FakePodman fake;
  fake.containers = {{"planka", {"paused"}}, {"planka-db", {"exited"}}};
  CHECK_FALSE(start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner()));
  CHECK(fake.log == std::vector<std::string>{"start planka-db"});
  fake.containers.erase("planka");
  const auto done = start(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().sentence == "planka ran before and exists no longer: create it, then start planka");
}

TEST_CASE("podman: a container made with --rm is not stopped, because it could not be started again (S1)") {
  FakePodman fake;
  fake.containers = {{"planka", {}}, {"planka-db", {"running", true, "true"}}};
  const auto done = stop(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::bad_config);
  CHECK(fake.log.empty());
}

TEST_CASE("podman: one whose process would never get the stop signal is not stopped, and says so at once") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  }
  const auto stop_with = [&](int stop_signal_ignored_by) {
    FakePodman fake;
    fake.containers = {{"planka", {}}, {"planka-db", {"running", true, "false", 1, true, stop_signal_ignored_by}}};
    const auto done = stop(planka(), "planka", {"planka", "planka-db"}, minute, fake.runner());
    CHECK(fake.log.empty() == !done.has_value());
    return done;
  };
  ::usleep(100'000);  // until it ignores the signal
  const auto refused = stop_with(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == Exit::unavailable);
  CHECK(refused.error().sentence.find("nothing was stopped") != std::string::npos);
  CHECK(stop_with(::getpid()));  // a process that handles or dies of it
}

TEST_CASE("podman: rootless podman is run as its user, without a shell") {
  policy::Controller controller = planka();
  controller.user = "planka";
  std::vector<policy::Argv> ran;
  std::string passwd = "planka:x:1001:1001:Planka,,,:/home/planka:/usr/sbin/nologin\n";
  const Runner run = [&](const policy::Argv& argv, Seconds) -> Result<CommandOutput> {
    ran.push_back(argv);
    if (argv[0] == "/usr/bin/getent") return CommandOutput{passwd.empty() ? 2 : 0, passwd, {}, false};
    return CommandOutput{0, "planka running 15 false 1 0\nplanka-db running 15 false 1 0\n", {}, false};
  };
  REQUIRE(query(controller, "planka", run));
  CHECK(ran[0] == policy::Argv{"/usr/bin/getent", "--", "passwd", "planka"});
  const policy::Argv expected{
      "/usr/sbin/runuser", "-u",        "planka", "--", "/usr/bin/env", "HOME=/home/planka", "XDG_RUNTIME_DIR=/run/user/1001",
      "/usr/bin/podman",   "container", "inspect"};
  CHECK(std::equal(expected.begin(), expected.end(), ran[1].begin()));
  for (const char* line : {"", "planka:x:1001\n", "other:x:1001:1001::/home/other:/bin/sh\n",
                           "planka:x:-1:1001::/home/p:/bin/sh\n", "planka:x:1001:1001::home:/bin/sh\n"}) {
    CAPTURE(line);
    passwd = line;
    CHECK(query(controller, "planka", run).error().exit == Exit::bad_config);
  }
}
