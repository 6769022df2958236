#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/unique_fd.h"

/// A directory that goes away with the test.
class TestTree {
 public:
  TestTree() {
    std::string name = std::filesystem::temp_directory_path() / "backupctl-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TestTree() { std::filesystem::remove_all(path_); }
  TestTree(const TestTree&) = delete;
  TestTree& operator=(const TestTree&) = delete;

  [[nodiscard]] std::string at(const std::string& name) const { return path_ / name; }
  void dir(const std::string& name) const { std::filesystem::create_directories(path_ / name); }
  void file(const std::string& name, const std::string& content = "x") const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  [[nodiscard]] backupctl::UniqueFd open(const std::string& name = ".") const {
    return backupctl::UniqueFd(::open(at(name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

 private:
  std::filesystem::path path_;
};
