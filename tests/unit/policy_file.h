#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "policy/load.h"

/// An example policy of policy/examples.
inline std::string example(const std::string& name) {
  std::ifstream file(TESTS_DIR "/../policy/examples/" + name);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Loads a policy that must be valid.
inline backupctl::policy::Policy load_valid(const std::string& text) {
  auto policy = backupctl::policy::load_policy(text, "policy.toml");
  REQUIRE_MESSAGE(policy, (policy ? "" : policy.error().sentence));
  return *policy;
}
