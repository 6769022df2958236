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
std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512, '\0');
  return content;
}
std::string directory(const std::string& name = id) { return header(name + "/", '5', 0); }
std::string file(const std::string& name, const std::string& content) {
  return header(std::string(id) + "/" + name, '0', content.size()) + padded(content);
}
const std::string end(1024, '\0');

/// A whole export: one archive of some size, the small files, the manifest last.
struct Export {
  std::string archive = std::string(100'000, 'a');
  std::string sums = to_hex(sha256(archive)) + "  v.tar.gz\n" + to_hex(sha256("read me")) + "  README.md\n";
  [[nodiscard]] std::string tar() const {
    return directory() + file("v.tar.gz", archive) + file("README.md", "read me") + file("MANIFEST.sha256", sums) +
           file("manifest.json", "{}") + end;
  }
};

struct World {
  fs::path dir = fs::temp_directory_path() / fmt::format("backupctl-pull-{}", ::getpid()) / "to";
  World() { fs::create_directories(dir); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { fs::remove_all(dir.parent_path()); }

  /// What becomes of a stream: 0, or the exit code of what went wrong.
  int receive(const std::string& tar, std::size_t piece = 7000) const {
    auto folder = PulledFolder::open(dir).value();
    TarReader reader(folder, folder.offset());
    for (std::size_t at = 0; at < tar.size(); at += piece)
      if (auto taken = reader.take(std::string_view(tar).substr(at, piece)); !taken) return to_status(taken.error().exit);
    if (!reader.ended()) return -1;
    const auto bytes = folder.commit();
    return bytes ? 0 : to_status(bytes.error().exit);
  }
  [[nodiscard]] std::string names() const {
    std::string text;
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(dir)) all.insert(entry.path().filename());
    for (const std::string& each : all) text += each + " ";
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
  std::string big = header(path, '0', 0);
  big.replace(124, 12, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x05", 12));
  big.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : big) sum += static_cast<unsigned char>(c);
  big.replace(148, 7, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  const std::string sums = to_hex(sha256("12345")) + "  " + name + "\n";
  CHECK(world.receive(directory() + header("././@LongLink", 'L', path.size() + 1) + padded(path + std::string(1, '\0')) + big +
                      padded("12345") + file("MANIFEST.sha256", sums) + file("manifest.json", "{}") + end) == 0);
  CHECK(fs::file_size(world.dir / id / name) == 5);
}

TEST_CASE("cut off anywhere nothing looks complete, and the next transfer goes on at a file's beginning") {
  const Export whole;
  const std::string tar = whole.tar();
  for (std::size_t cut = 100; cut < tar.size() - 1024; cut += 3001) {
    World world;
    CAPTURE(cut);
    REQUIRE(world.receive(tar.substr(0, cut)) == -1);
    CHECK(!fs::exists(world.dir / id));
    std::uint64_t offset = 0;
    {
      const auto folder = PulledFolder::open(world.dir).value();
      offset = folder.offset();
      CHECK((offset == 0 || folder.id() == id));
    }
    CHECK(offset <= cut);
    CHECK((cut < 512 + 512 + 100'352 || offset >= 512 + 512 + 100'352));  // the finished archive is not sent again
    REQUIRE(world.receive(tar.substr(offset)) == 0);
    CHECK(world.names() == std::string(id) + " ");
  }
}

TEST_CASE("a transfer that was cut off long ago is begun anew") {
  World world;
  REQUIRE(world.receive(Export().tar().substr(0, 102'000)) == -1);
  const fs::path progress = world.dir / (std::string(".") + id + ".partial") / ".progress";
  REQUIRE(fs::exists(progress));
  fs::last_write_time(progress, fs::file_time_type::clock::now() - std::chrono::hours(25));
  CHECK(PulledFolder::open(world.dir).value().offset() == 0);
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
                      file("manifest.json", "{}") + end) == to_status(Exit::bad_data));  // README.md is missing
  CHECK(world.receive(directory() + file("v.tar.gz", good.archive) + file("README.md", "read me") + file("more", "x") +
                      file("MANIFEST.sha256", good.sums) + file("manifest.json", "{}") + end) == to_status(Exit::bad_data));
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
  for (const char* older : {"20250101-000000", "20250102-000000", "20250103-000000"}) {
    fs::create_directory(world.dir / older);
    if (older != std::string("20250102-000000")) std::ofstream(world.dir / older / "manifest.json") << "{}";
  }
  auto folder = PulledFolder::open(world.dir).value();
  CHECK(folder.rotate(2).value() == std::vector<std::string>{"20250101-000000"});
  CHECK(folder.rotate(0).value() == std::vector<std::string>{"20250103-000000"});  // the newest always stays
  CHECK(world.names() == "20250102-000000 " + std::string(id) + " ");
  CHECK(!PulledFolder::open(world.dir));  // one process at a time
}
