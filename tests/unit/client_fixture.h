#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "client/environment.h"
#include "client/process.h"
#include "common/io.h"

namespace backupctl::client {

/// Variables that exist only in a test.
struct Variables {
  std::map<std::string, std::string> values;
  operator Environment() const {
    return [this](const char* name) {
      const auto found = values.find(name);
      return found == values.end() ? std::string_view{} : std::string_view{found->second};
    };
  }
};

/// A directory that goes away with the test.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    std::string name = "/tmp/backup-client-test-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (path / name).string(); }
  std::string write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const UniqueFd fd(::open(file(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    (void)write_all(fd.get(), text);
    ::fchmod(fd.get(), mode);
    return file(name);
  }
};

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a program printed and how it ended.
struct Ran {
  Ending ending;
  std::string out;
  std::string err;
};

/// Runs a program through run_program() with prefixes "o:" and "e:", or none.
inline Ran run_for_test(std::vector<std::string> arguments, Signals& signals, Watch watch, bool prefixed = false) {
  const UniqueFd out(::memfd_create("out", MFD_CLOEXEC));
  const UniqueFd err(::memfd_create("err", MFD_CLOEXEC));
  Relay out_relay(out.get(), prefixed ? "o:" : "");
  Relay err_relay(err.get(), prefixed ? "e:" : "");
  const Program program{arguments[0], arguments, {"PATH=/usr/bin:/bin"}};
  const auto ending = run_program(program, &out_relay, err_relay, signals, watch);
  const auto text = [](const UniqueFd& fd) {
    ::lseek(fd.get(), 0, SEEK_SET);
    return read_all(fd.get(), 1 << 20).value_or("");
  };
  return {ending.value_or(Ending{Ending::Why::by_itself, -1}), text(out), text(err)};
}

}  // namespace backupctl::client
