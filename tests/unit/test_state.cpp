#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate/state/history.h"
#include "gate/state/lock.h"
#include "gate/state/memory.h"
#include "gate/state/spool.h"
#include "gate/state/staging.h"
#include "tests/unit/state_fixture.h"

using namespace backupctl;

TEST_CASE("the state directory is root's alone, and so is what must be") {
  StateFixture fixture;
  struct stat st {};
  REQUIRE(::stat(fixture.state().path().c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0700);
  REQUIRE(::chmod(fixture.state().at("locks").c_str(), 0777) == 0);
  const auto again = state::StateDir::open(fixture.state().path());
  REQUIRE(!again.has_value());
  CHECK(again.error().exit == Exit::bad_config);
}

TEST_CASE("X5: a staging directory is root's alone, whoever may write above it") {
  StateFixture fixture;
  const std::string above = fixture.state().at("spool") + "/service";
  const std::string staging = above + "/.backupctl-staging/web";
  REQUIRE(::mkdir(above.c_str(), 0777) == 0);
  REQUIRE(::chmod(above.c_str(), 0777) == 0);
  REQUIRE(state::open_staging(staging, "snapshot").has_value());
  REQUIRE(state::open_staging(staging, "snapshot").has_value());
  struct stat st {};
  REQUIRE(::stat((staging + "/snapshot").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0700);
  REQUIRE(::chmod(staging.c_str(), 0770) == 0);
  CHECK(state::open_staging(staging, "snapshot").error().exit == Exit::bad_config);
  REQUIRE(::chmod(staging.c_str(), 0700) == 0);
  REQUIRE(::rmdir((staging + "/snapshot").c_str()) == 0);
  REQUIRE(::symlink("/", (staging + "/snapshot").c_str()) == 0);
  CHECK(state::open_staging(staging, "snapshot").error().exit == Exit::bad_config);
  REQUIRE(::chown((above + "/.backupctl-staging").c_str(), 1234, 1234) == 0);
  CHECK(state::open_staging(staging, "restore").error().exit == Exit::bad_config);
}

TEST_CASE("S4: a lock is held by one, and free as soon as its holder is gone") {
  StateFixture fixture;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = state::Lock::try_take(fixture.state(), "slot-0");
    [[maybe_unused]] const ssize_t n = ::write(ready[1], "x", 1);
    for (;;) ::pause();
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  auto other = state::Lock::try_take(fixture.state(), "slot-0");
  REQUIRE(other.has_value());
  CHECK(!other->has_value());
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  other = state::Lock::try_take(fixture.state(), "slot-0");
  REQUIRE(other.has_value());
  CHECK(other->has_value());
}

TEST_CASE("D8: a spool leaves nothing behind, and sweeps what a dead run left, not what a living one has") {
  StateFixture fixture;
  const std::string left = fixture.state().at("spool/1-1");
  REQUIRE(::mkdir(left.c_str(), 0700) == 0);
  fixture.write("spool/1-1/archive", "rubbish");
  {
    auto living = state::Spool::make(fixture.state());
    REQUIRE(living.has_value());
    CHECK(::access(left.c_str(), F_OK) != 0);
    const std::string path = living->path();
    const pid_t other = ::fork();
    if (other == 0) {
      const bool kept = state::Spool::make(fixture.state()).has_value() && ::access(path.c_str(), F_OK) == 0;
      ::_exit(kept ? 0 : 1);
    }
    int status = 0;
    ::waitpid(other, &status, 0);
    CHECK(status == 0);
  }
  CHECK(std::filesystem::is_empty(fixture.state().at("spool")));
}

TEST_CASE("X5: a spool is taken back only when it holds plain files of one name") {
  StateFixture fixture;
  auto spool = state::Spool::make(fixture.state());
  REQUIRE(spool.has_value());
  std::ofstream(spool->path() + "/archive") << "x";
  CHECK(spool->take_back().has_value());
  SUBCASE("a link") { REQUIRE(::symlink("/etc/shadow", (spool->path() + "/l").c_str()) == 0); }
  SUBCASE("a second name") { REQUIRE(::link((spool->path() + "/archive").c_str(), (spool->path() + "/l").c_str()) == 0); }
  SUBCASE("a FIFO") { REQUIRE(::mkfifo((spool->path() + "/l").c_str(), 0600) == 0); }
  CHECK(!spool->take_back().has_value());
}

TEST_CASE("clearing a directory follows no link out of it") {
  StateFixture fixture;
  fixture.write("precious", "x");
  REQUIRE(::mkdir(fixture.state().at("d").c_str(), 0700) == 0);
  REQUIRE(::mkdir(fixture.state().at("d/e").c_str(), 0700) == 0);
  REQUIRE(::symlink("../precious", fixture.state().at("d/link").c_str()) == 0);
  REQUIRE(::symlink("..", fixture.state().at("d/e/up").c_str()) == 0);
  CHECK(state::remove_tree(fixture.state().at("d")));
  CHECK(fixture.read("precious") == "x");
}

TEST_CASE("D4: what retention remembers comes back, and a damaged memory deletes nothing") {
  StateFixture fixture;
  CHECK(!state::read_history(fixture.state(), "n8n")->newest_committed);
  const state::History history{parse_date("2026-06-28"), parse_date("2026-06-27"), 3};
  REQUIRE(state::write_history(fixture.state(), "n8n", history).has_value());
  const auto read = state::read_history(fixture.state(), "n8n");
  REQUIRE(read.has_value());
  CHECK(read->newest_committed == history.newest_committed);
  CHECK(read->deleted_on == history.deleted_on);
  CHECK(read->deleted == 3);
  fixture.write("history/n8n", "2026-06-28 2026-06");
  CHECK(!state::read_history(fixture.state(), "n8n").has_value());
}

TEST_CASE("what --check looks at comes back, whatever else stands in the file") {
  StateFixture fixture;
  const auto change = [&](const std::function<void(state::Memory&)>& how) {
    REQUIRE(state::change_memory(fixture.state(), "n8n", how).has_value());
  };
  CHECK(state::read_memory(fixture.state(), "n8n").last.empty());
  change([](state::Memory& memory) { memory.last["sync"] = {1790000000, 69}; });
  change([](state::Memory& memory) { memory.good["archive"] = 1790000001; });
  change([](state::Memory& memory) { memory.rehearsed = 12.5; });
  const int days = static_cast<int>(state::archives_remembered) + 12;
  const std::chrono::sys_days first = *parse_date("2026-01-01");
  change([&](state::Memory& memory) {
    for (int day = 1; day <= days; ++day)
      state::remember_archive(memory, {first + std::chrono::days(day), day, day * 100, {"onedrive"}});
    memory.first_committed = parse_date("2026-01-02");
  });
  change([&](state::Memory& memory) {
    state::remember_archive(memory, {first + std::chrono::days(days), 99, 9900, {"disk"}});
  });
  fixture.write("history/n8n.runs",
                fixture.read("history/n8n.runs") + "later things\nrun x\nrun sync 1 2 3\narchive 2026-02-30 1 1\nhalf a li");
  const auto memory = state::read_memory(fixture.state(), "n8n");
  CHECK(memory.last.size() == 1);
  CHECK(memory.rehearsed == 12.5);
  CHECK(memory.last.at("sync").when == 1790000000);
  CHECK(memory.last.at("sync").exit == 69);
  CHECK(memory.good.at("archive") == 1790000001);
  REQUIRE(memory.archives.size() == state::archives_remembered);
  CHECK(memory.archives.front().bytes == 1300);
  CHECK(memory.archives.back().bytes == 9900);
  CHECK(memory.archives.back().remotes == std::set<std::string>{"disk", "onedrive"});
  CHECK(memory.first_committed == parse_date("2026-01-02"));
  fixture.write("history/n8n.runs", std::string(100000, 'x'));
  CHECK(state::read_memory(fixture.state(), "n8n").last.empty());
}
