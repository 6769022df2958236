#include <doctest/doctest.h>

#include <deque>

#include "gate/service/controller.h"

using namespace backupctl;
using namespace backupctl::service;
using policy::ControllerKind;

namespace {

policy::Controller podmanctl(bool with_status = true) {
  policy::Controller controller;
  controller.name = "podmanctl";
  controller.kind = ControllerKind::command;
  controller.stop = {"/usr/local/bin/podmanctl", "--stop", "{service}"};
  controller.start = {"/usr/local/bin/podmanctl", "--start", "x={service},{service}"};
  if (with_status) controller.status = {"/usr/local/bin/podmanctl", "--status", "{service}"};
  return controller;
}

/// A runner that answers with the given outputs one after another and remembers what was run.
struct Script {
  std::deque<CommandOutput> answers;
  std::vector<policy::Argv> ran;
  Runner runner() {
    return [this](const policy::Argv& argv, Seconds) -> Result<CommandOutput> {
      ran.push_back(argv);
      if (answers.empty()) return fail(Exit::bug, "nothing more was expected to run");
      CommandOutput output = answers.front();
      answers.pop_front();
      return output;
    };
  }
};

CommandOutput ends(int status, std::string err = {}) { return {status, {}, std::move(err), false}; }

}  // namespace

TEST_CASE("each kind has a word that leads back to it") {
  for (const ControllerKind kind : {ControllerKind::none, ControllerKind::command, ControllerKind::podman,
                                    ControllerKind::compose, ControllerKind::systemd})
    CHECK(kind_of(word(kind)) == kind);
  CHECK_FALSE(kind_of("").has_value());
}

TEST_CASE("no controller: nothing runs and everything succeeds") {
  Script script;
  const policy::Controller none;
  CHECK(query(none, "www", script.runner())->at_rest());
  CHECK(stop(none, "www", {"www"}, Seconds{5}, script.runner()));
  CHECK(start(none, "www", {"www"}, Seconds{5}, script.runner()));
  CHECK(script.ran.empty());
}

TEST_CASE("a stop or start of no units runs nothing (S2)") {
  Script script;
  CHECK(stop(podmanctl(), "n8n", {}, Seconds{5}, script.runner()));
  CHECK(start(podmanctl(), "n8n", {}, Seconds{5}, script.runner()));
  CHECK(script.ran.empty());
}

TEST_CASE("command: the service's name is the only variable, and stays inside its argument (X2)") {
  Script script{{ends(0), ends(0)}, {}};
  REQUIRE(start(podmanctl(), "n8n", {"n8n"}, Seconds{5}, script.runner()));
  CHECK(script.ran[0] == policy::Argv{"/usr/local/bin/podmanctl", "--start", "x=n8n,n8n"});
  CHECK(script.ran[1] == policy::Argv{"/usr/local/bin/podmanctl", "--status", "n8n"});
}

TEST_CASE("command: the status command's exit status") {
  struct Row {
    int status;
    bool running, stopped;
  };
  for (const Row& row :
       {Row{0, true, false}, Row{3, false, true}, Row{1, false, false}, Row{4, false, false}, Row{137, false, false}}) {
    CAPTURE(row.status);
    Script script{{ends(row.status, "podmanctl: sad\n")}, {}};
    const auto state = query(podmanctl(), "n8n", script.runner());
    CHECK(state.has_value() == (row.running || row.stopped));
    if (state) {
      CHECK(state->running == (row.running ? Names{"n8n"} : Names{}));
      CHECK(state->stopped == (row.stopped ? Names{"n8n"} : Names{}));
    } else {
      CHECK(state.error().exit == Exit::unavailable);
      CHECK(state.error().sentence.ends_with("podmanctl: sad"));
    }
  }
  Script late{{CommandOutput{0, {}, {}, true}}, {}};
  CHECK(query(podmanctl(), "n8n", late.runner()).error().exit == Exit::unavailable);
}

TEST_CASE("command without status: what the gate did last counts, and not knowing counts as running") {
  Script script;
  CHECK(query(podmanctl(false), "n8n", script.runner(), true)->running == Names{"n8n"});
  CHECK(query(podmanctl(false), "n8n", script.runner(), false)->stopped == Names{"n8n"});
  CHECK(query(podmanctl(false), "n8n", script.runner(), false)->known);
  const auto unknown = query(podmanctl(false), "n8n", script.runner());
  CHECK_FALSE(unknown->known);
  CHECK_FALSE(unknown->at_rest());
  CHECK(script.ran.empty());
}

TEST_CASE("command: a failure is said with its status and last line, escaped (X10)") {
  Script script{{ends(5, "starting\nno such service \x1b[31m\n\n")}, {}};
  const auto done = stop(podmanctl(), "n8n", {"n8n"}, Seconds{5}, script.runner());
  REQUIRE_FALSE(done);
  CHECK(done.error().exit == Exit::unavailable);
  CHECK(done.error().sentence == "the stop command of n8n failed with status 5: no such service \\x1b[31m");
}

TEST_CASE("command: success is believed only as far as the status command confirms it") {
  Script still{{ends(0), ends(0)}, {}};
  CHECK(stop(podmanctl(), "n8n", {"n8n"}, Seconds{5}, still.runner()).error().exit == Exit::unavailable);
  Script down{{ends(0), ends(3)}, {}};
  CHECK(start(podmanctl(), "n8n", {"n8n"}, Seconds{5}, down.runner()).error().exit == Exit::unavailable);
  Script unasked{{ends(0)}, {}};
  CHECK(stop(podmanctl(false), "n8n", {"n8n"}, Seconds{5}, unasked.runner()));
}

TEST_CASE("command: a hanging command is ended with the step's time") {
  Script script{{CommandOutput{0, {}, {}, true}}, {}};
  CHECK(stop(podmanctl(), "n8n", {"n8n"}, Seconds{5}, script.runner()).error().exit == Exit::timed_out);
  CHECK(stop(podmanctl(), "n8n", {"n8n"}, Seconds{0}, script.runner()).error().exit == Exit::timed_out);
  CHECK(script.ran.size() == 1);
}
