#include <doctest/doctest.h>

#include "policy/clock.h"

using namespace backupctl;
using namespace backupctl::policy;
using std::chrono::days;

namespace {

CivilDate date(const char* text) { return *parse_date(text); }
std::vector<CivilDate> dates(std::initializer_list<const char*> texts) {
  std::vector<CivilDate> list;
  for (const char* text : texts) list.push_back(date(text));
  return list;
}
bool believed(const char* today, const char* committed) {
  return !clock_fault(date(today), committed == nullptr ? std::nullopt : std::optional(date(committed)));
}

}  // namespace

TEST_CASE("a clock is believed beside what this host has committed (D4)") {
  CHECK(believed("2026-11-21", nullptr));
  CHECK(believed("2026-11-21", "2026-11-21"));
  CHECK(believed("2026-11-21", "2026-11-22"));
  CHECK_FALSE(believed("2026-11-21", "2026-11-23"));
  CHECK(believed("2027-11-22", "2026-11-21"));
  CHECK_FALSE(believed("2027-11-23", "2026-11-21"));
  CHECK_FALSE(believed("2099-01-01", "2026-11-21"));
}

TEST_CASE("a clock from before this program is never believed") {
  CHECK_FALSE(believed("1970-01-01", nullptr));
  CHECK_FALSE(believed("1970-01-01", "1970-01-01"));
  CHECK_FALSE(believed("2025-12-31", nullptr));
  CHECK(believed("2099-01-01", nullptr));
  CHECK(*clock_fault(date("1970-01-01"), {}) == "a day before this program was written");
  CHECK(*clock_fault(date("2026-11-01"), date("2026-11-21")) ==
        "a day before 2026-11-21, the date of the newest archive that this host committed");
  CHECK(*clock_fault(date("2099-01-01"), date("2026-11-21")) ==
        "more than a year after 2026-11-21, the date of the newest archive that this host committed");
}

TEST_CASE("history goes when it is older than mirror_history and enough newer days are there (D3)") {
  const auto nights = dates({"2026-11-20", "2026-11-16", "2026-11-18", "2026-11-17", "2026-11-19"});
  CHECK(obsolete_history(nights, date("2026-11-20"), days{3}) == dates({"2026-11-16"}));
  CHECK(obsolete_history(nights, date("2026-11-19"), days{3}).empty());
  CHECK(obsolete_history({}, date("2026-11-20"), days{3}).empty());
}

TEST_CASE("a clock that runs ahead takes no more of the history than a night does (D3)") {
  const auto nights = dates({"2026-11-18", "2026-11-19", "2026-11-20"});
  CHECK(obsolete_history(nights, date("2099-01-01"), days{3}).empty());
  // The wrong night's own history counts as one more day.
  auto with_wrong_night = nights;
  with_wrong_night.push_back(date("2099-01-01"));
  CHECK(obsolete_history(with_wrong_night, date("2099-01-01"), days{3}) == dates({"2026-11-18"}));
  // Back again: what is dated in the future stays, and counts for nothing.
  CHECK(obsolete_history(with_wrong_night, date("2026-11-24"), days{3}).empty());
  // One that runs behind sees nothing but the future.
  CHECK(obsolete_history(nights, date("1970-01-01"), days{1}).empty());
}
