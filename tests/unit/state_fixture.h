#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "gate/state/state_dir.h"

namespace backupctl {

/// A state directory of the test's own, below a path that root alone can write (X7); gone with this object. Needs root.
class StateFixture {
 public:
  StateFixture() {
    REQUIRE(::getuid() == 0);
    char path[] = "/var/lib/backupctl-unit-XXXXXX";
    REQUIRE(::mkdtemp(path) != nullptr);
    root_ = path;
    auto opened = state::StateDir::open(root_ + "/state");
    REQUIRE(opened.has_value());
    state_.emplace(std::move(*opened));
  }
  StateFixture(const StateFixture&) = delete;
  StateFixture& operator=(const StateFixture&) = delete;
  ~StateFixture() { std::filesystem::remove_all(root_); }

  const state::StateDir& state() { return *state_; }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(root_ + "/state/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(root_ + "/state/" + name, std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  std::string root_;
  std::optional<state::StateDir> state_;
};

}  // namespace backupctl
