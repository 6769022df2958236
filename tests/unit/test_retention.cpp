#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "policy/retention.h"

using namespace backupctl;
using namespace backupctl::policy;

namespace {

using Names = std::vector<std::string>;

CivilDate day(std::string_view text) { return *parse_date(text); }
CivilDate plus(CivilDate date, int n) { return CivilDate{std::chrono::sys_days{date} + std::chrono::days{n}}; }

RetentionRun run_of(std::string_view today, Keep keep, std::uint32_t keep_last = 1, std::string service = "n8n") {
  return {day(today), keep, keep_last, std::move(service), {}};
}

std::vector<Verdict> decide(const Names& names, const RetentionRun& run) {
  auto verdicts = retain(names, run);
  REQUIRE(verdicts);
  REQUIRE(verdicts->size() == names.size());
  return *verdicts;
}

Names with(Fate fate, const Names& names, const RetentionRun& run) {
  const auto verdicts = decide(names, run);
  Names out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (verdicts[i].fate == fate) out.push_back(names[i]);
  }
  return out;
}

Names names_of(std::initializer_list<const char*> dates) {
  Names names;
  for (const char* date : dates) names.push_back(std::string("n8n-") + date + ".tar.gz");
  return names;
}

std::string reason(const Names& names, const RetentionRun& run, std::size_t at) { return decide(names, run)[at].reason; }

}  // namespace

TEST_CASE("the vectors of the specification") {
  std::ifstream file(TESTS_DIR "/data/retention-vectors.json");
  const auto vectors = nlohmann::json::parse(file);
  CHECK(vectors.size() >= 6);
  for (const auto& vector : vectors) {
    CAPTURE(vector.at("name").get<std::string>());
    const std::string service = vector.value("service", "n8n");
    Names names;
    for (const auto& date : vector.value("dates", Names{})) names.push_back(service + "-" + date + ".tar.gz");
    for (const auto& name : vector.value("names", Names{})) names.push_back(name);
    const Keep keep{
        .daily = vector.value("keep_daily", 0U), .weekly = vector.at("keep_weekly"), .monthly = vector.at("keep_monthly")};
    const auto run = run_of(vector.at("today").get<std::string>(), keep, vector.at("keep_last"), service);

    std::set<std::string> expected;
    for (const auto& date : vector.at("keep").get<Names>()) expected.insert(service + "-" + date + ".tar.gz");
    const Names kept = with(Fate::keep, names, run);
    CHECK(std::set<std::string>(kept.begin(), kept.end()) == expected);
    // Input order decides nothing.
    std::reverse(names.begin(), names.end());
    Names reversed = with(Fate::keep, names, run);
    std::reverse(reversed.begin(), reversed.end());
    CHECK(reversed == kept);
  }
}

TEST_CASE("only whole names with a real date are archives (rule 1)") {
  for (const char* name : {"n8n-2026-06-28.tar.gz", "n8n-2026-06-28.tar.zst", "n8n-2026-06-28.dump", "n8n-2026-06-28.rdb",
                           "a-2026-06-28-2026-06-27.rdb", "0_--2024-02-29.dump"}) {
    CAPTURE(name);
    const auto parsed = parse_archive_name(name);
    REQUIRE(parsed);
    CHECK(parsed->service + "-" + format_date(parsed->date) + std::string(parsed->ending) == name);
  }
  for (const char* name : {"",
                           ".tar.gz",
                           "-2026-06-28.tar.gz",
                           "2026-06-28.tar.gz",
                           "n8n2026-06-28.tar.gz",
                           "n8n_2026-06-28.tar.gz",
                           "n8n-2026-06-28",
                           "n8n-2026-06-28.tar",
                           "n8n-2026-06-28.tar.gz.sha256",
                           "n8n-2026-06-28.tar.gz.manifest.json",
                           "n8n-2026-06-28.tar.gz.partial",
                           "n8n-2026-06-28.tar.gz (1)",
                           " n8n-2026-06-28.tar.gz",
                           "n8n-2026-06-28.tar.gz ",
                           "n8n-2026-06-28.tar.gz\r",
                           "N8N-2026-06-28.tar.gz",
                           "n8n-2026-6-28.tar.gz",
                           "n8n-2026-02-30.tar.gz",
                           "n8n-2026-06-28.TAR.GZ",
                           "n8n-2026-06-28..tar.gz",
                           "n8n-2026-06-28.tar.xz",
                           "a/n8n-2026-06-28.tar.gz",
                           "../n8n-2026-06-28.tar.gz",
                           "n8n--026-06-28.tar.gz",
                           "n8n-2026-06-28-.tar.gz",
                           "n8n-2026_06_28.tar.gz"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_archive_name(name));
  }
  CHECK_FALSE(parse_archive_name(std::string(65, 'a') + "-2026-06-28.rdb"));
  CHECK(parse_archive_name("n8n-2026-02-30.tar.gz").error() == "not an archive name: there is no day 2026-02-30");
}

TEST_CASE("every keeping rule is named") {
  const auto run = run_of("2026-06-28", {.daily = 1, .weekly = 2, .monthly = 2}, 2);
  const Names names = names_of({"2026-06-28", "2026-06-27", "2026-06-20", "2026-06-14", "2026-05-31"});
  CHECK(reason(names, run, 0) ==
        "newest of day 2026-06-28, newest of week 2026-W26, newest of month 2026-06, one of the newest 2");
  CHECK(reason(names, run, 1) == "one of the newest 2");
  CHECK(reason(names, run, 2) == "newest of week 2026-W25");
  CHECK(reason(names, run, 3) == "no rule keeps it");
  CHECK(reason(names, run, 4) == "newest of month 2026-05");
  CHECK(reason(names_of({"2026-06-28"}), run_of("2026-06-28", {0, 1, 0}), 0) == "newest of week 2026-W26, newest of all");
}

TEST_CASE("weeks of the turn of the year") {
  const Names names = names_of({"2025-12-28", "2025-12-29", "2025-12-31", "2026-01-01", "2026-01-04", "2026-01-05"});
  CHECK(with(Fate::keep, names, run_of("2026-01-05", {0, 3, 0})) == names_of({"2025-12-28", "2026-01-04", "2026-01-05"}));
  CHECK(with(Fate::keep, names, run_of("2026-01-05", {0, 0, 2})) == names_of({"2025-12-31", "2026-01-05"}));
}

TEST_CASE("tomorrow counts, the day after does not (rule 4)") {
  const Names names = names_of({"2026-06-28", "2026-06-29", "2026-06-30"});
  const auto run = run_of("2026-06-28", {1, 0, 0});
  CHECK(with(Fate::delete_, names, run) == names_of({"2026-06-28"}));
  CHECK(reason(names, run, 2) == "dated after tomorrow: kept and not counted");
  CHECK(decide(names, run)[2].warn);
  CHECK_FALSE(decide(names, run)[1].warn);
}

TEST_CASE("D4: a clock that runs behind deletes nothing (rule 4)") {
  const Names names = names_of({"2026-06-25", "2026-06-26", "2026-06-27"});
  auto run = run_of("2026-06-27", {1, 0, 0});
  run.newest_committed = day("2026-06-27");
  CHECK(with(Fate::delete_, names, run).size() == 2);
  run.newest_committed = day("2026-06-28");
  CHECK(with(Fate::keep, names, run) == names);
  CHECK(decide(names, run)[0].warn);
}

TEST_CASE("two endings of one date stay or go together") {
  const Names names{"n8n-2026-06-28.tar.gz", "n8n-2026-06-28.tar.zst", "n8n-2026-06-27.tar.gz", "n8n-2026-06-27.tar.zst",
                    "n8n-2026-06-26.dump"};
  CHECK(with(Fate::keep, names, run_of("2026-06-28", {1, 0, 0})) == Names{names[0], names[1]});
  CHECK(with(Fate::keep, names, run_of("2026-06-28", {1, 0, 0}, 2)) == Names{names[0], names[1], names[2], names[3]});
}

TEST_CASE("services are counted apart; with one named the others are ignored") {
  const Names names{"a-2026-06-28.rdb", "a-2026-06-27.rdb", "b-2026-01-02.rdb", "b-2026-01-01.rdb", "a-b-2026-06-01.rdb"};
  CHECK(with(Fate::delete_, names, run_of("2026-06-28", {1, 0, 0}, 1, "")) == Names{names[1], names[3]});
  CHECK(with(Fate::ignore, names, run_of("2026-06-28", {1, 0, 0}, 1, "a")) == Names{names[2], names[3], names[4]});
  CHECK(reason(names, run_of("2026-06-28", {1, 0, 0}, 1, "a"), 4) == "an archive of another service, a-b");
}

TEST_CASE("all rules 0 is an error, whatever keep_last says (rule 6)") {
  const auto verdicts = retain(names_of({"2026-06-28"}), run_of("2026-06-28", {}, 5));
  REQUIRE_FALSE(verdicts);
  CHECK(verdicts.error().exit == Exit::bad_config);
}

TEST_CASE("deletions go oldest first and end at the limit (rule 7)") {
  const Names names = names_of({"2026-06-03", "2026-06-01", "2026-06-28", "2026-06-02"});
  const auto verdicts = decide(names, run_of("2026-06-28", {1, 0, 0}));
  CHECK(deletions(verdicts, 10) == std::vector<std::size_t>{1, 3, 0});
  CHECK(deletions(verdicts, 2) == std::vector<std::size_t>{1, 3});
  CHECK(deletions(verdicts, 0).empty());
}

TEST_CASE("D4: whatever lies there, retention is safe") {
  std::mt19937 random{7};
  const auto below = [&](std::size_t n) { return static_cast<std::uint32_t>(random() % n); };
  int deleted = 0;
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const CivilDate today = plus(day("2024-01-01"), static_cast<int>(below(1500)));
    Names names;
    for (std::uint32_t n = below(60); n > 0; --n) {
      const auto ending = archive_endings()[below(archive_endings().size())];
      names.push_back("n8n-" + format_date(plus(today, 5 - static_cast<int>(below(round % 2 == 0 ? 60 : 900)))) +
                      std::string(ending));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const Keep floors{0, below(4), 1 + below(6)};
    const Keep keep{below(5), floors.weekly + below(3), floors.monthly + below(3)};
    const RetentionRun run{today, keep, below(4), "n8n", {}};
    const auto verdicts = decide(names, run);
    const Names kept = with(Fate::keep, names, run);

    // Deleting all, or only the oldest few, and running again: the end is the same, and then nothing more is deleted.
    CHECK(with(Fate::keep, kept, run) == kept);
    Names cut = names;
    const auto first = deletions(verdicts, 3);
    for (const std::size_t i : first) cut.erase(std::find(cut.begin(), cut.end(), names[i]));
    CHECK(with(Fate::keep, cut, run) == kept);
    deleted += static_cast<int>(first.size());

    // Archives that turn out not to count make others stay, and never go.
    Names fewer;
    for (const std::string& name : names)
      if (below(4) != 0) fewer.push_back(name);
    const Names gone = with(Fate::delete_, names, run);
    for (const std::string& name : with(Fate::delete_, fewer, run))
      CHECK(std::find(gone.begin(), gone.end(), name) != gone.end());

    // What the floors alone keep, a request above them keeps.
    for (const std::string& name : with(Fate::keep, names, {today, floors, 0, "n8n", {}})) {
      CHECK(std::find(kept.begin(), kept.end(), name) != kept.end());
    }
    // The newest keep_last are kept, and whatever is dated after tomorrow.
    std::vector<std::pair<CivilDate, Fate>> newest;
    for (const Verdict& verdict : verdicts) {
      if (*verdict.date <= plus(today, 1))
        newest.emplace_back(*verdict.date, verdict.fate);
      else
        CHECK(verdict.fate == Fate::keep);
    }
    std::sort(newest.rbegin(), newest.rend());
    for (std::size_t i = 0; i < newest.size() && i < run.keep_last; ++i) CHECK(newest[i].second == Fate::keep);
    // Something is always left.
    CHECK((names.empty() || !kept.empty()));
  }
  CHECK(deleted > 300);
}
