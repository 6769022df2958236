#include <doctest/doctest.h>

#include "gate/check/findings.h"

using namespace backupctl;
using check::Grade;

namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t now = 1790000000;

/// Everything as it should be.
state::Memory good() {
  state::Memory memory;
  for (int i = 4; i >= 1; --i)
    memory.archives.push_back({*parse_date(fmt::format("2026-08-{:02}", 30 - 7 * i)), now - 7 * day * (i - 1) - day, 1000 + i});
  memory.good = {{"archive", now - day}, {"sync", now - 3600}, {"drill", now - 20 * day}};
  memory.last = {
      {"archive", {now - day, 0}}, {"sync", {now - 3600, 0}}, {"drill", {now - 20 * day, 0}}, {"verify", {now - day, 0}}};
  return memory;
}

/// The one finding's grade and text; "none" or "several" instead.
std::string judged(const state::Memory& memory, const check::Limits& limits = {}) {
  const auto found = check::judge_service("n8n", memory, {"onedrive"}, limits, now);
  if (found.size() != 1) return found.empty() ? "none" : "several";
  CHECK(found[0].name == "n8n");
  return fmt::format("{}: {}", check::word(found[0].grade), found[0].text);
}

bool begins(const std::string& text, std::string_view with) {
  INFO(text);
  return text.starts_with(with);
}

}  // namespace

TEST_CASE("a service that is backed up is no problem") { CHECK(judged(good()) == "none"); }

TEST_CASE("an archive grows old: a warning, then critical; never one is critical") {
  auto memory = good();
  const auto at = [&](std::int64_t age) {
    memory.archives.back().when = now - age;
    memory.good["archive"] = now - age;
    return judged(memory);
  };
  CHECK(at(8 * day) == "none");
  CHECK(begins(at(8 * day + 1), "WARNING: no archive was committed for 8 d"));
  CHECK(begins(at(15 * day + 1), "CRITICAL: no archive was committed for 15 d"));
  check::Limits off;
  off.warn_age = off.crit_age = policy::Seconds(0);
  CHECK(judged(memory, off) == "none");
  memory.archives.clear();
  memory.good.erase("archive");
  CHECK(begins(judged(memory), "CRITICAL: no archive was committed as far back"));
  CHECK(judged(memory, off) == "none");
  memory.good["archive"] = now - day;
  CHECK(judged(memory) == "none");
}

TEST_CASE("a mirror that was made once is missed; one that never was is none") {
  auto memory = good();
  memory.good["sync"] = now - 2 * day - 1;
  CHECK(begins(judged(memory), "WARNING: it was not mirrored for 2 d"));
  memory.good["sync"] = now - 9 * day;
  CHECK(begins(judged(memory), "CRITICAL: it was not mirrored for 9 d"));
  memory.good["backup"] = now - day;
  CHECK(judged(memory) == "none");
  memory.good.erase("backup");
  memory.good.erase("sync");
  CHECK(judged(memory) == "none");
  CHECK(check::judge_target("www", memory, {}, now).size() == 1);
  memory.good["sync-extra"] = now - day;
  CHECK(check::judge_target("www", memory, {}, now).empty());
}

TEST_CASE("a drill is due after 35 days, and never one at once") {
  auto memory = good();
  memory.good["drill"] = now - 35 * day - 1;
  CHECK(begins(judged(memory), "WARNING: no restore was rehearsed for 35 d"));
  memory.good.erase("drill");
  CHECK(begins(judged(memory), "WARNING: no restore was rehearsed as far back"));
  check::Limits off;
  off.warn_drill = policy::Seconds(0);
  CHECK(judged(memory, off) == "none");
}

TEST_CASE("a run that failed last is told until one ends well") {
  auto memory = good();
  memory.last["sync"] = {now - 60, 69};
  CHECK(begins(judged(memory), "WARNING: the last --sync ended 69, 1 min ago"));
  memory.good["backup"] = now;
  CHECK(judged(memory) == "none");
  memory.last["sync"] = {now - 60, 75};
  memory.last["verify"] = {now - 60, 69};
  CHECK(begins(judged(memory), "WARNING: the last --verify ended 69"));
  memory.last["verify"] = {now - 60, 65};
  CHECK(begins(judged(memory), "CRITICAL: the last --verify ended 65"));
}

TEST_CASE("an archive much smaller than those before it, and a clock that runs behind") {
  auto memory = good();
  memory.archives.back().bytes = 400;
  CHECK(begins(judged(memory), "WARNING: the archive of 2026-08-23 has 400 bytes"));
  check::Limits off;
  off.warn_drop = {0, true};
  CHECK(judged(memory, off) == "none");
  memory = good();
  memory.good["archive"] = now + 3 * day;
  CHECK(begins(judged(memory), "WARNING: its last good run lies 3 d in the future"));
}

TEST_CASE("of several remotes, one that gets no archive while another does is named") {
  auto memory = good();
  for (auto& archive : memory.archives) archive.remotes = {"onedrive"};
  const auto both = [&] { return check::judge_service("n8n", memory, {"onedrive", "disk"}, {}, now); };
  REQUIRE(both().size() == 1);
  CHECK(both()[0].grade == Grade::warning);
  CHECK(begins(both()[0].text, "no archive was committed to disk as far back"));
  memory.archives[1].remotes.insert("disk");
  CHECK(begins(both()[0].text, "no archive was committed to disk for 15 d"));
  memory.archives[3].remotes.insert("disk");
  CHECK(both().empty());
  CHECK(check::judge_service("n8n", memory, {"onedrive"}, {}, now).empty());
}
