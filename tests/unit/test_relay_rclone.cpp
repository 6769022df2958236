#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <cstdlib>

#include "common/sha256.h"
#include "gate/relay/dry_run.h"
#include "relay_harness.h"

// The real rclone's words, read by the relay: a later version that says something else is noticed here.

using namespace backupctl;

namespace {

/// Runs a shell script in `dir`, its standard output and error into a string.
std::string output_of(const std::string& dir, const std::string& script, int* status = nullptr) {
  const UniqueFd out = test::fd_of({});
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out.get(), 1);
    ::dup2(out.get(), 2);
    ::setenv("RCLONE_CONFIG", "/dev/null", 1);
    if (::chdir(dir.c_str()) == 0) ::execl("/bin/sh", "sh", "-ec", script.c_str(), nullptr);
    ::_exit(127);
  }
  int ended = -1;
  ::waitpid(child, &ended, 0);
  if (status != nullptr) *status = ended;
  return test::content(out);
}

struct Scratch {
  std::string dir;
  Scratch() {
    char name[] = "/tmp/test-relay-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    dir = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { output_of("/", "rm -r " + dir); }
};

bool rclone_is_there() {
  int status = -1;
  output_of("/", "rclone version", &status);
  if (status != 0) MESSAGE("rclone is not installed: nothing was tried");
  return status == 0;
}

std::string dry_run_words(const std::string& mirror, const std::string& spare, const std::string& more) {
  std::string words = "rclone sync source '" + mirror + "' --links --create-empty-src-dirs " + more;
  for (const std::string_view flag : relay::dry_run_flags) words += " " + std::string(flag);
  return words + " '" + spare + "'";
}

/// A mirror of eight files, of which two are gone at the source and one has another content; three are new there, one a link.
constexpr const char* change_source = R"(
rm source/gone1 source/d/gone2; echo longer than before > source/changed
echo x > source/new1; echo x > 'source/new
2'; ln -sfn changed source/new3; mkdir -p source/empty2/deep; echo x > source/kept5; touch source/kept1)";
constexpr const char* make_source = R"(
mkdir -p source/d source/empty; for f in gone1 d/gone2 changed kept1 kept2 kept3 kept4; do echo $f > source/$f; done
ln -s kept1 source/link)";

using Numbers = std::array<std::int64_t, 5>;

Numbers figures(const std::string& log) {
  const auto out = test::relay_run({"dry-run"}, log);
  INFO(log);
  REQUIRE(out.done());
  return {out.last().number[0], out.last().number[1], out.last().number[2], out.last().number[3], out.last().number[4]};
}

/// The whole story against one mirror. @param more  further flags, of the remote
void tell(const Scratch& scratch, const std::string& mirror, const std::string& spare, const std::string& more) {
  const auto dry_run = [&] { return figures(output_of(scratch.dir, dry_run_words(mirror, spare, more) + " || true")); };
  output_of(scratch.dir, make_source);
  CHECK(dry_run() == Numbers{0, 0, 0, 8, 0});  // nothing is there yet
  int status = -1;
  const std::string real = "rclone sync source '" + mirror +
                           "' --links --create-empty-src-dirs --use-json-log --stats 1s "
                           "--stats-log-level NOTICE " +
                           more;
  const auto log = output_of(scratch.dir, real, &status);
  INFO(log);
  CHECK(status == 0);
  const auto ran = test::relay_run({"progress"}, log);
  REQUIRE(ran.done());
  CHECK(ran.last().number[0] == 0);
  CHECK(ran.last().number[2] == 8);
  CHECK(dry_run() == Numbers{0, 0, 8, 0, 0});
  output_of(scratch.dir, change_source);
  CHECK(dry_run() == Numbers{2, 1, 8, 4, 0});
  CHECK(dry_run() == Numbers{2, 1, 8, 4, 0});  // it changed nothing
  output_of(scratch.dir, "rm -r source; mkdir source");
  CHECK(dry_run() == Numbers{8, 0, 8, 0, 0});  // an empty source empties the mirror: what D3 is about
  output_of(scratch.dir, "rmdir source");
  const auto gone = test::relay_run({"dry-run"}, output_of(scratch.dir, dry_run_words(mirror, spare, more) + " || true"));
  CHECK((!gone.done() || gone.last().number[4] > 0));
  const auto failed = test::relay_run({"progress"}, output_of(scratch.dir, real + " || true"));
  CHECK(failed.last().number[0] > 0);
  CHECK(failed.last().number[5] == 1);
}

}  // namespace

TEST_CASE("D3: rclone's dry run against a directory") {
  if (!rclone_is_there()) return;
  const Scratch scratch;
  tell(scratch, scratch.dir + "/mirror", scratch.dir + "/history/2026-03-01", "");
}

TEST_CASE("D3: rclone's dry run against webdav, which keeps neither times nor hashes") {
  if (!rclone_is_there()) return;
  const Scratch scratch;
  // The server tells its address in its log; it is ended with this test, by its pid.
  output_of(scratch.dir, R"(mkdir served; rclone serve webdav served --addr 127.0.0.1:0 > served.log 2>&1 & echo $! > pid
for i in $(seq 100); do grep -q 'http://127' served.log && break; sleep 0.1; done)");
  const std::string url =
      output_of(scratch.dir, "sed -n 's,.*\\(http://127[0-9.:]*\\).*,\\1,p' served.log | head -n 1 | tr -d '\\n'");
  REQUIRE(!url.empty());
  tell(scratch, ":webdav:mirror", ":webdav:history/2026-03-01", "--webdav-url " + url + " --webdav-vendor other");
  output_of(scratch.dir, "kill $(cat pid)");
}

TEST_CASE("a listing by the real rclone") {
  if (!rclone_is_there()) return;
  const Scratch scratch;
  output_of(scratch.dir, "mkdir -p l/d; printf abc > l/d/f; echo > l/'odd\nname'; touch -d 2026-03-01T02:00:00Z l/d/f");
  const auto out =
      test::relay_run({"listing", "100"}, output_of(scratch.dir, "rclone -q lsjson -R --hash --hash-type sha256 l"));
  REQUIRE(out.done());
  bool seen = false;
  for (const Record& entry : out.of(Record::Kind::entry)) {
    if (entry.view() != "d/f") continue;
    seen = true;
    CHECK(entry.number == decltype(Record::number){3, 1772330400, 0, 1, 0, 0, 0, 0});
    CHECK(entry.digest == sha256("abc"));
  }
  CHECK(seen);
  int status = 0;
  CHECK(
      test::relay_run({"listing", "100"}, output_of(scratch.dir, "rclone -q lsjson missing", &status)).failed(Exit::bad_data));
  CHECK(status != 0);
}
