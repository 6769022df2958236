#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <string>
#include <vector>

#include "policy/load.h"

using namespace backupctl;
using namespace backupctl::policy;

namespace {

constexpr const char* valid = R"(schema = 1
[remote.onedrive]
root = "/OdroidBackup"
[controller.ctl]
kind = "systemd"
units = ["a.service"]
[service.app]
path = "/srv/app/data"
remotes = ["onedrive"]
)";

/// One case of policy_errors.txt, whose head says how it is written.
struct BrokenPolicy {
  std::string title;
  std::string text;
  std::string expected;
};

std::vector<BrokenPolicy> broken_policies() {
  std::ifstream file(TESTS_DIR "/unit/policy_errors.txt");
  REQUIRE(file);
  std::vector<BrokenPolicy> cases;
  bool whole = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("%% ")) {
      cases.push_back({line.substr(3), "", ""});
      whole = false;
    } else if (line.starts_with("=> ")) {
      cases.back().expected += (cases.back().expected.empty() ? "p:" : "\np:") + line.substr(3);
    } else if (!cases.empty() && !line.empty()) {
      const bool mark = line.starts_with('!');
      whole = whole || mark;
      if (cases.back().text.empty() && !whole) cases.back().text = valid;
      cases.back().text += (mark ? line.substr(1) : line) + "\n";
    }
  }
  return cases;
}

}  // namespace

TEST_CASE("the policy that the broken ones are made from is valid") { CHECK(load_policy(valid, "p")); }

TEST_CASE("each broken policy is refused, each error with line and column") {
  const auto cases = broken_policies();
  CHECK(cases.size() >= 110);
  for (const BrokenPolicy& broken : cases) {
    CAPTURE(broken.title);
    const auto policy = load_policy(broken.text, "p");
    REQUIRE_FALSE(policy);
    CHECK(policy.error().exit == Exit::bad_config);
    CHECK(policy.error().sentence == broken.expected);
  }
}

TEST_CASE("a wrong value of any key, alone, is refused: no key of the example goes unread") {
  std::ifstream file(TESTS_DIR "/../policy/examples/full.toml");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  REQUIRE(lines.size() > 100);
  int keys = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t equals = lines[i].find('=');
    if (equals == std::string::npos || lines[i].starts_with('#') || lines[i].starts_with('[')) continue;
    ++keys;
    std::string text;
    for (std::size_t j = 0; j < lines.size(); ++j) text += (j == i ? lines[j].substr(0, equals) + "= 1.5" : lines[j]) + "\n";
    const auto policy = load_policy(text, "p");
    REQUIRE_FALSE_MESSAGE(policy, lines[i]);
    CHECK_MESSAGE(policy.error().sentence.find(fmt::format("p:{}:", i + 1)) != std::string::npos, policy.error().sentence);
  }
  CHECK(keys > 70);
}

TEST_CASE("at most 20 errors are shown, the others counted") {
  std::string text = valid;
  for (int i = 0; i < 25; ++i) text += fmt::format("key{} = 1\n", i);
  const auto policy = load_policy(text, "p");
  REQUIRE_FALSE(policy);
  CHECK(policy.error().sentence.starts_with("p:10:1: service.app.key0: unknown key"));
  CHECK(policy.error().sentence.ends_with("\np: 5 more errors"));
}

TEST_CASE("X10: what an error quotes carries no control characters, and never a value of an unknown key") {
  const auto control = load_policy(std::string(valid) + "staging = \"/a\\u001b[2J\"\n\"k\\u0007\" = \"hunter2\"\n", "p");
  REQUIRE_FALSE(control);
  CHECK(control.error().sentence.find('\x1b') == std::string::npos);
  CHECK(control.error().sentence.find('\x07') == std::string::npos);
  CHECK(control.error().sentence.find("hunter2") == std::string::npos);
}

TEST_CASE("any bytes give a policy or errors, never anything else") {
  for (const char* text :
       {"", "\xff\xfe", "schema = 1\n[[service]]\n", "schema = 1\nservice = 3\nremote = []\n", "schema = 1\n[service]\nx = 1\n",
        "schema = 1\nclient = {}\n", "a.b.c = 1", "schema = 1e400", "schema = 99999999999999999999"})
    if (const auto policy = load_policy(text, "p"); !policy) CHECK(policy.error().sentence.starts_with("p:"));
  std::string deep = "schema = 1\nx = ";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  CHECK_FALSE(load_policy(deep, "p"));
}
