#include <doctest/doctest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "common/io.h"
#include "gate/restore/extract.h"
#include "gate/source/archive_tree.h"
#include "gate/source/reader.h"
#include "tests/unit/tree_fixture.h"

using namespace backupctl;
using namespace backupctl::archive;

namespace {

struct Reports {
  Pipe pipe = *make_pipe();
  Reporter reporter{pipe.write.get()};
  std::string words() {
    pipe.write.reset();
    std::string all;
    Record record;
    while (::read(pipe.read.get(), &record, sizeof record) == sizeof record) all += std::string(record.view()) + "\n";
    return all;
  }
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(file)), {}};
}

Result<ArchiveTotals> read(const TestTree& tree, const TestTree& spool, Reports& reports, std::vector<std::string> args = {}) {
  args.insert(args.begin(), {"--format", "tar.gz"});
  const auto options = parse_reader_args(args);
  REQUIRE(options.has_value());
  return archive_tree(tree.open(), spool.open().get(), *options, reports.reporter);
}

UniqueFd archive_of(const TestTree& spool) { return UniqueFd(::open(spool.at("archive").c_str(), O_RDONLY | O_CLOEXEC)); }

}  // namespace

TEST_CASE("a tree goes into an archive and out of it; excluded files do not") {
  const TestTree tree, spool, target;
  Reports reports;
  tree.dir("sub/cache");
  tree.file("sub/a", "content");
  tree.file("sub/cache/junk");
  tree.file("x.tmp");
  std::filesystem::create_symlink("sub/a", tree.at("link"));
  std::filesystem::create_hard_link(tree.at("sub/a"), tree.at("zz"));
  const auto totals = read(tree, spool, reports, {"--exclude", "cache/**", "--exclude", "*.tmp"});
  REQUIRE(totals.has_value());
  CHECK(totals->members == 6);  // data, link, sub, sub/a, sub/cache, zz
  CHECK(totals->content_bytes == 7);
  const auto back = extract_archive(archive_of(spool).get(), target.open(), {"tar.gz", 6, 7}, reports.reporter);
  REQUIRE(back.has_value());
  CHECK(back->archive_digest == totals->archive_digest);
  CHECK(content(target.at("data/zz")) == "content");
  CHECK(std::filesystem::hard_link_count(target.at("data/zz")) == 2);
  CHECK(std::filesystem::read_symlink(target.at("data/link")) == "sub/a");
  CHECK(std::filesystem::is_empty(target.at("data/sub/cache")));
  CHECK_FALSE(std::filesystem::exists(target.at("data/x.tmp")));
}

TEST_CASE("verification reads all and writes nothing; a flipped byte is found (D6)") {
  const TestTree tree, spool;
  Reports reports;
  tree.file("a", std::string(100000, 'a'));
  const auto totals = read(tree, spool, reports);
  REQUIRE(totals.has_value());
  CHECK(verify_archive(archive_of(spool).get(), {"tar.gz", totals->members, totals->content_bytes}, reports.reporter)
            .has_value());
  {
    const UniqueFd fd(::open(spool.at("archive").c_str(), O_RDWR | O_CLOEXEC));
    char byte = 0;
    REQUIRE(::pread(fd.get(), &byte, 1, 40) == 1);
    byte = static_cast<char>(byte ^ 1);
    REQUIRE(::pwrite(fd.get(), &byte, 1, 40) == 1);
  }
  const auto broken = verify_archive(archive_of(spool).get(), {"tar.gz", 0, 0}, reports.reporter);
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().exit == Exit::bad_data);
}

TEST_CASE("single paths: with the directories above them, and hard links whose first name is not among them") {
  const TestTree tree, spool, target, other;
  Reports reports;
  tree.dir("a/deep");
  tree.dir("b");
  tree.file("a/first", "content");
  tree.file("a/deep/file", "deep");
  std::filesystem::create_hard_link(tree.at("a/first"), tree.at("b/second"));
  std::filesystem::create_hard_link(tree.at("a/first"), tree.at("b/third"));
  REQUIRE(read(tree, spool, reports).has_value());
  ExtractOptions options{.format = "tar.gz", .only = {"data/b", "data/a/deep/file"}};
  const auto totals = extract_archive(archive_of(spool).get(), target.open(), options, reports.reporter);
  REQUIRE(totals.has_value());
  CHECK(content(target.at("data/b/second")) == "content");
  CHECK(std::filesystem::equivalent(target.at("data/b/second"), target.at("data/b/third")));
  CHECK(std::filesystem::hard_link_count(target.at("data/b/second")) == 2);
  CHECK(content(target.at("data/a/deep/file")) == "deep");
  CHECK(!std::filesystem::exists(target.at("data/a/first")));
  CHECK(totals->restored == 7);
  options.only = {"data/b", "data/nothing"};
  const auto missing = verify_archive(archive_of(spool).get(), options, reports.reporter);
  REQUIRE(!missing.has_value());
  CHECK(missing.error().exit == Exit::bad_data);
  CHECK(missing.error().sentence.find("holds no nothing beneath data/") != std::string::npos);
  CHECK(!extract_archive(archive_of(spool).get(), other.open(), options, reports.reporter).has_value());
  CHECK(std::filesystem::is_empty(other.at("")));
}

TEST_CASE("an attribute that the target cannot hold is reported by its name (D7)") {
  const TestTree tree, spool;
  Reports reports;
  tree.file("a");
  if (::setxattr(tree.at("a").c_str(), "user.kept", "v", 1, 0) != 0) return;  // this file system has none
  REQUIRE(read(tree, spool, reports).has_value());
  // tmpfs has no user.* attributes before Linux 6.6.
  std::string name = "/dev/shm/backupctl-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return;
  const bool holds = ::setxattr(name.c_str(), "user.kept", "v", 1, 0) == 0;
  UniqueFd target(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(extract_archive(archive_of(spool).get(), std::move(target), {"tar.gz", 0, 0}, reports.reporter).has_value());
  CHECK(reports.reporter.incomplete() == (holds ? 0 : 1));
  CHECK((reports.words().find("the attribute user.kept") != std::string::npos) == !holds);
  std::filesystem::remove_all(name);
}

TEST_CASE("a list alone has the lines that an archive would have beside it, sparse, linked and special ones too") {
  const TestTree tree, spool, list;
  Reports reports;
  tree.dir("sub/empty");
  tree.file("sub/a", std::string(700000, 'a'));
  std::filesystem::create_hard_link(tree.at("sub/a"), tree.at("zz"));
  std::filesystem::create_symlink("sub/a", tree.at("link"));
  REQUIRE(::mkfifo(tree.at("fifo").c_str(), 0600) == 0);
  tree.file("holes", "x");
  std::filesystem::resize_file(tree.at("holes"), 5000000);
  const auto archived = read(tree, spool, reports);
  REQUIRE(archived.has_value());
  const auto options = parse_reader_args(std::vector<std::string>{"--list-only"});
  REQUIRE(options.has_value());
  const auto listed = archive_tree(tree.open(), list.open().get(), *options, reports.reporter);
  REQUIRE(listed.has_value());
  CHECK(content(list.at("files.jsonl")) == content(spool.at("files.jsonl")));
  CHECK(listed->list_digest == archived->list_digest);
  CHECK(listed->content_bytes == archived->content_bytes);
  CHECK(listed->archive_bytes == 0);
  CHECK_FALSE(std::filesystem::exists(list.at("archive")));
}

TEST_CASE("the spool is left empty when it cannot be written") {
  const TestTree tree, spool;
  Reports reports;
  tree.file("a");
  spool.file("files.jsonl", "of someone else");
  CHECK_FALSE(read(tree, spool, reports).has_value());
  CHECK_FALSE(std::filesystem::exists(spool.at("archive")));
  CHECK(content(spool.at("files.jsonl")) == "of someone else");
}

TEST_CASE("a flood of reports ends, its count goes on (X11)") {
  Reports reports;
  std::string words;
  std::thread reader([&] {
    Record record;
    while (::read(reports.pipe.read.get(), &record, sizeof record) == sizeof record) words += 'x';
  });
  for (int i = 0; i < 5000; ++i) reports.reporter.not_read(NotRead::changed, "p", "w");
  reports.pipe.write.reset();
  reader.join();
  CHECK(reports.reporter.incomplete() == 5000);
  CHECK(words.size() == Reporter::max_reports + 1);
}

TEST_CASE("arguments are read whole or refused") {
  using Args = std::vector<std::string>;
  CHECK(parse_reader_args(Args{"--format", "tar.zst", "--level", "5", "--hot", "--threads", "2"}).has_value());
  CHECK(parse_reader_args(Args{"--list-only", "--hot", "--exclude", "a/**"}).has_value());
  for (const Args& args :
       {Args{}, Args{"--format"}, Args{"--list-only", "--format", "tar.gz"}, Args{"--list-only", "--level", "5"}, Args{"--hot"},
        Args{"--format", "tar.xz"}, Args{"--format", "tar.gz", "--threads", "0"}, Args{"--format", "tar.gz", "--threads", "99"},
        Args{"--format", "tar.gz", "--level", "13"}, Args{"--format", "tar.gz", "--exclude", "[a]"},
        Args{"--format", "tar.gz", "--other"}})
    CHECK_FALSE(parse_reader_args(args).has_value());
}
