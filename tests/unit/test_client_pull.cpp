#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "client/pulled_folder.h"
#include "common/sha256.h"

using namespace backupctl;
using client::PulledFolder;
using client::TarReader;

namespace {

namespace fs = std::filesystem;
constexpr const char* id = "20260301-020000";

/// A header as the gate's libarchive writes it (ustar), with its checksum.
std::string header(const std::string& path, char type, std::uint64_t size) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  put(0, path.substr(0, 100));
  put(100, "000644 ");
  put(124, fmt::format("{:011o} ", size));
  block[156] = type;
  put(257, "ustar  ");
  put(148, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return block;
}
std::string header_in_base_256(const std::string& path, const std::string& size) {
  std::string block = header(path, '0', 0);
  block.replace(124, 12, size);
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  return block.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
}
std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512, '\0');
  return content;
}
std::string directory(const std::string& name = id) { return header(name + "/", '5', 0); }
std::string file(const std::string& name, const std::string& content) {
  return header(std::string(id) + "/" + name, '0', content.size()) + padded(content);
}
const std::string end(1024, '\0');

/// What the client looks for in a manifest, which it cannot check: the id, and what the checksums are.
std::string manifest_of(const std::string& sums) {
  return fmt::format("{{\"archive\":\"{}\",\"sha256\":\"{}\"}}", id, to_hex(sha256(sums)));
}

/// A whole export: one archive of some size, the small files, the manifest last.
struct Export {
  std::string archive = std::string(100'000, 'a');
  std::string sums = to_hex(sha256(archive)) + "  v.tar.gz\n" + to_hex(sha256("read me")) + "  README.md\n";
  [[nodiscard]] std::string tar() const {
    return directory() + file("v.tar.gz", archive) + file("README.md", "read me") + file("MANIFEST.sha256", sums) +
           file("manifest.json", manifest()) + end;
  }
  [[nodiscard]] std::string manifest() const { return manifest_of(sums); }
};

struct World {
  fs::path dir = fs::temp_directory_path() / fmt::format("backupctl-pull-{}", ::getpid()) / "to";
  World() { fs::create_directories(dir); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { fs::remove_all(dir.parent_path()); }

  /// What becomes of a stream: 0, or the exit code of what went wrong.
  int receive(const std::string& tar, std::size_t piece = 7000, bool cut_cleanly = true) const {
    auto folder = PulledFolder::open(dir, "x").value();
    TarReader reader(folder, folder.place());
    for (std::size_t at = 0; at < tar.size(); at += piece)
      if (auto taken = reader.take(std::string_view(tar).substr(at, piece)); !taken) {
        if (taken.error().exit == Exit::bad_data) folder.discard();
        folder.suspend({});
        return to_status(taken.error().exit);
      }
    if (!reader.ended()) {
      if (cut_cleanly) folder.suspend(reader.inside());
      return -1;
    }
    const auto bytes = folder.commit();
    return bytes ? 0 : to_status(bytes.error().exit);
  }
  [[nodiscard]] std::string names() const {
    std::string text;
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(dir)) all.insert(entry.path().filename());
    for (const std::string& each : all) text += each == ".service" || each == ".lock" ? "" : each + " ";
    return text;
  }
};

}  // namespace

TEST_CASE("an export becomes a folder under its name, whatever pieces it comes in") {
  for (const std::size_t piece : {1UL, 511UL, 512UL, 100'000UL, 1'000'000UL}) {
    World world;
    CHECK(world.receive(Export().tar(), piece) == 0);
    CHECK(world.names() == std::string(id) + " ");
    CHECK(fs::file_size(world.dir / id / "v.tar.gz") == 100'000);
    CHECK(world.receive(Export().tar()) == to_status(Exit::skipped));
  }
}

TEST_CASE("a name longer than a header has room for, and a size in base 256") {
  World world;
  const std::string name = std::string(200, 'n') + ".tar.gz";
  const std::string path = std::string(id) + "/" + name;
  const std::string big = header_in_base_256(path, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x05", 12));
  const std::string sums = to_hex(sha256("12345")) + "  " + name + "\n";
  CHECK(world.receive(directory() + header("././@LongLink", 'L', path.size() + 1) + padded(path + std::string(1, '\0')) + big +
                      padded("12345") + file("MANIFEST.sha256", sums) + file("manifest.json", manifest_of(sums)) + end) == 0);
  CHECK(fs::file_size(world.dir / id / name) == 5);
}

TEST_CASE("cut off anywhere nothing looks complete, and the next transfer goes on where it was") {
  const Export whole;
  const std::string tar = whole.tar();
  for (const bool cleanly : {true, false})
    for (std::size_t cut = 100; cut < tar.size() - 1024; cut += 3001) {
      World world;
      CAPTURE(cut);
      CAPTURE(cleanly);
      REQUIRE(world.receive(tar.substr(0, cut), 7000, cleanly) == -1);
      CHECK(!fs::exists(world.dir / id));
      std::uint64_t offset = 0;
      {
        const auto folder = PulledFolder::open(world.dir, "x").value();
        offset = folder.place().offset;
        CHECK((offset == 0 || folder.id() == id));
      }
      CHECK(offset <= cut);
      CHECK((cut < 512 + 512 + 100'352 || offset >= 512 + 512 + 100'352));      // the finished archive is not sent again
      if (cleanly && cut > 1024 && cut < 1024 + 100'352) CHECK(offset == cut);  // nor the beginning of one that is not
      REQUIRE(world.receive(tar.substr(offset)) == 0);
      CHECK(world.names() == std::string(id) + " ");
      CHECK(!fs::exists(world.dir / id / ".progress"));
    }
}

TEST_CASE("killed in a file that an earlier transfer had begun, it goes on where that one was") {
  World world;
  const std::string tar = Export().tar();
  REQUIRE(world.receive(tar.substr(0, 20'000)) == -1);
  REQUIRE(world.receive(tar.substr(20'000, 30'000), 7000, false) == -1);  // nothing was written down
  CHECK(fs::file_size(world.dir / (std::string(".") + id + ".partial") / "v.tar.gz") > 20'000);
  CHECK(PulledFolder::open(world.dir, "x").value().place().offset == 20'000);
  REQUIRE(world.receive(tar.substr(20'000)) == 0);
}

TEST_CASE("a file whose part is of no use is begun anew, and what is whole stays") {
  const std::string tar = Export().tar();
  World other;
  const std::size_t second = 512 + 512 + 100'352;
  REQUIRE(other.receive(tar.substr(0, second + 515)) == -1);
  CHECK(PulledFolder::open(other.dir, "x").value().place().offset == second + 515);
  PulledFolder::open(other.dir, "x").value().suspend({});
  CHECK(PulledFolder::open(other.dir, "x").value().place().offset == second);
  REQUIRE(other.receive(tar.substr(second, 515)) == -1);
  fs::remove(other.dir / (std::string(".") + id + ".partial") / "README.md");
  CHECK(PulledFolder::open(other.dir, "x").value().place().offset == second);
  REQUIRE(other.receive(tar.substr(second)) == 0);
  // A file that names the service and was cut off by a crash names none.
  std::ofstream(other.dir / ".service", std::ios::trunc).flush();
  CHECK(PulledFolder::open(other.dir, "y"));
}

TEST_CASE("a transfer that was cut off long ago is begun anew") {
  World world;
  REQUIRE(world.receive(Export().tar().substr(0, 102'000)) == -1);
  const fs::path progress = world.dir / (std::string(".") + id + ".partial") / ".progress";
  REQUIRE(fs::exists(progress));
  fs::last_write_time(progress, fs::file_time_type::clock::now() - std::chrono::hours(25));
  CHECK(PulledFolder::open(world.dir, "x").value().place().offset == 0);
  CHECK(world.names().empty());
}

TEST_CASE("what is damaged on the way is not kept") {
  World world;
  Export spoilt;
  spoilt.archive[50'000] = 'b';
  CHECK(world.receive(spoilt.tar()) == to_status(Exit::bad_data));
  CHECK(world.names().empty());
  const Export good;
  CHECK(world.receive(directory() + file("v.tar.gz", good.archive) + file("MANIFEST.sha256", good.sums) +
                      file("manifest.json", good.manifest()) + end) == to_status(Exit::bad_data));  // README.md is missing
  CHECK(world.receive(directory() + file("v.tar.gz", good.archive) + file("README.md", "read me") + file("more", "x") +
                      file("MANIFEST.sha256", good.sums) + file("manifest.json", good.manifest()) + end) ==
        to_status(Exit::bad_data));
  CHECK(world.receive(directory() + file("v.tar.gz", good.archive) + file("README.md", "read me") +
                      file("MANIFEST.sha256", good.sums) + end) == to_status(Exit::bad_data));  // without manifest
  CHECK(world.names().empty());
}

TEST_CASE("X5: a hostile host writes nowhere else") {
  const auto as = [](const std::string& path, char type, const std::string& content) {
    return header(path, type, content.size()) + padded(content);
  };
  for (const std::string& member :
       {as("../x", '0', "x"), as("/etc/x", '0', "x"), as(std::string(id) + "/../x", '0', "x"),
        as(std::string(id) + "/a/b", '0', "x"), as(std::string(id) + "/.progress", '0', "x"),
        as(std::string(id) + "/", '0', ""), as("20260302-020000/x", '0', "x"), as(std::string(id) + "/link", '2', ""),
        as(std::string(id) + "/link", '1', ""), as(std::string(id) + "/dev", '3', ""), as(std::string(id) + "/sub", '5', ""),
        as("x", 'x', "13 path=../x\n"), as("././@LongLink", 'L', std::string(5000, 'n')),
        as(std::string(id) + "/v.tar.gz", '0', "again"), std::string(512, 'x')}) {
    World world;
    CHECK(world.receive(directory() + file("v.tar.gz", "x") + member + end) == to_status(Exit::bad_data));
    CHECK(!fs::exists(world.dir.parent_path() / "x"));
    CHECK(!fs::exists(world.dir / id));
  }
  World world;
  CHECK(world.receive(file("v.tar.gz", "x") + end) == to_status(Exit::bad_data));  // no folder first
  fs::create_symlink("/tmp", world.dir / (std::string(".") + id + ".partial"));
  CHECK(world.receive(Export().tar()) == 0);  // what it found there is gone
  CHECK(fs::is_directory(fs::symlink_status(world.dir / id)));
}

TEST_CASE("rotation keeps the newest whole ones, and touches nothing else") {
  World world;
  REQUIRE(world.receive(Export().tar()) == 0);
  for (const char* other : {"99991231-000000", "20240101-000000"}) fs::create_directory(world.dir / other);
  std::ofstream(world.dir / "99991231-000000" / "manifest.json")
      << "{}";  // of a clock that ran ahead: neither counted nor removed
  fs::create_symlink("/", world.dir / "20240102-000000");
  for (const char* older : {"20250101-000000", "20250102-000000", "20250103-000000"}) {
    fs::create_directory(world.dir / older);
    if (older != std::string("20250102-000000")) std::ofstream(world.dir / older / "manifest.json") << "{}";
  }
  auto folder = PulledFolder::open(world.dir, "x").value();
  CHECK(folder.rotate(2).value() == std::vector<std::string>{"20250101-000000"});
  CHECK(folder.rotate(1).value() == std::vector<std::string>{"20250103-000000"});
  CHECK(world.names() == "20240101-000000 20240102-000000 20250102-000000 " + std::string(id) + " 99991231-000000 ");
  CHECK(!PulledFolder::open(world.dir, "x"));  // one process at a time
}

TEST_CASE("what was asked for by name stays, however old it is; a directory has one service's snapshots") {
  World world;
  for (const char* newer : {"20260302-000000", "20260303-000000"}) {
    fs::create_directory(world.dir / newer);
    std::ofstream(world.dir / newer / "manifest.json") << "{}";
  }
  const std::string tar = Export().tar();
  {
    auto folder = PulledFolder::open(world.dir, "x").value();
    TarReader reader(folder, folder.place());
    REQUIRE(reader.take(tar));
    REQUIRE(folder.commit());
    CHECK(folder.rotate(2).value().empty());
  }
  CHECK(fs::exists(world.dir / id / "manifest.json"));
  const auto other = PulledFolder::open(world.dir, "y");
  REQUIRE(!other);
  CHECK(other.error().exit == Exit::bad_config);
}

TEST_CASE("what is in the way is told before anything is sent for; what never ends is ended") {
  World world;
  fs::create_directory(world.dir / id);
  CHECK(world.receive(Export().tar()) == to_status(Exit::unavailable));
  fs::remove(world.dir / id);
  CHECK(world.receive(Export().tar() + std::string(std::size_t{2} << 20, '\0')) == to_status(Exit::bad_data));
  CHECK(world.receive(directory("29990101-000000") + end) == to_status(Exit::bad_data));
  const std::string petabyte("\x80\0\0\0\0\x04\0\0\0\0\0\0", 12);
  CHECK(world.receive(directory() + header_in_base_256(std::string(id) + "/v.tar.gz", petabyte)) == to_status(Exit::io_error));
  const std::string beyond("\x80\0\0\0\xff\0\0\0\0\0\0\0", 12);
  CHECK(world.receive(directory() + header_in_base_256(std::string(id) + "/v.tar.gz", beyond)) == to_status(Exit::bad_data));
  CHECK(world.names().empty());
}

TEST_CASE("a manifest of other checksums is not kept") {
  World world;
  const Export good;
  const std::string before =
      directory() + file("v.tar.gz", good.archive) + file("README.md", "read me") + file("MANIFEST.sha256", good.sums);
  CHECK(world.receive(before + file("manifest.json", manifest_of("x")) + end) == to_status(Exit::bad_data));
  CHECK(world.receive(before + file("manifest.json", "") + end) == to_status(Exit::bad_data));
  CHECK(world.names().empty());
}
