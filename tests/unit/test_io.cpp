#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/io.h"

using namespace backupctl;

namespace {

/// Below a path that root alone can write; needs root.
struct Programs {
  std::string base = "/var/lib/backupctl-unit-XXXXXX";
  Programs() {
    REQUIRE(::getuid() == 0);
    REQUIRE(::mkdtemp(base.data()) != nullptr);
    for (const char* dir : {"/bin", "/links", "/theirs"}) REQUIRE(::mkdir((base + dir).c_str(), 0755) == 0);
    REQUIRE(::chown((base + "/theirs").c_str(), 4711, 4711) == 0);
    program(base + "/bin/tool");
    program(base + "/theirs/tool");
    link("../bin/tool", "/links/relative");
    link(base + "/bin/tool", "/links/absolute");
    link(base + "/links/relative", "/links/twice");
    link(base + "/bin/tool", "/theirs/link");
    link(base + "/theirs/link", "/links/over-theirs");
    link("../bin", "/theirs/dir");
    link("circle", "/links/circle");
    link("nowhere", "/links/dangling");
  }
  ~Programs() { std::filesystem::remove_all(base); }
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  static void program(const std::string& path) {
    std::ofstream(path) << "#!/bin/sh\n";
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
  }
  void link(const std::string& target, const std::string& name) const {
    REQUIRE(::symlink(target.c_str(), (base + name).c_str()) == 0);
  }
  [[nodiscard]] bool trusted(const std::string& name) const { return open_trusted_program(base + name).has_value(); }
};

}  // namespace

TEST_CASE("X7: a program may be reached through links that root alone can change") {
  const Programs programs;
  for (const char* name :
       {"/bin/tool", "/links/relative", "/links/absolute", "/links/twice", "//bin///tool", "/links/../bin/tool"})
    CHECK_MESSAGE(programs.trusted(name), name);
  CHECK(open_trusted_program("/bin/sh").has_value());
}

TEST_CASE("X7: a link whose directory is somebody else's is refused, wherever it leads and wherever it comes in the path") {
  const Programs programs;
  for (const char* name : {"/theirs/tool", "/theirs/link", "/links/over-theirs", "/theirs/dir/tool", "/theirs/../bin/tool"})
    CHECK_MESSAGE(!programs.trusted(name), name);
  const auto refused = open_trusted_program(programs.base + "/theirs/link");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().exit == Exit::bad_config);
  CHECK(refused.error().sentence.find("leads through the directory theirs, which is not owned by root") != std::string::npos);
}

TEST_CASE("X7: a program that others can write, or none, is refused") {
  const Programs programs;
  REQUIRE(::chmod((programs.base + "/bin/tool").c_str(), 0775) == 0);
  for (const char* name : {"/bin/tool", "/links/relative", "/links/circle", "/links/dangling", "/bin/tool/more", "/bin/none"})
    CHECK_MESSAGE(!programs.trusted(name), name);
  CHECK_FALSE(open_trusted_program("bin/sh").has_value());
  CHECK_FALSE(open_trusted_program("").has_value());
}
