#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "common/civil_date.h"

using backupctl::CivilDate;
using backupctl::date_in_zone;
using backupctl::format_date;
using backupctl::iso_week;
using backupctl::IsoWeek;
using backupctl::parse_date;

namespace {

std::string local(std::int64_t seconds, std::string_view zone) {
  const auto date = date_in_zone(seconds, zone);
  return date ? format_date(*date) : "none";
}

IsoWeek week(std::string_view text) { return iso_week(*parse_date(text)); }

}  // namespace

TEST_CASE("a date is YYYY-MM-DD and exists") {
  for (const char* text : {"2026-06-28", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31"}) {
    CAPTURE(text);
    const auto date = parse_date(text);
    REQUIRE(date);
    CHECK(format_date(*date) == text);
  }
  for (const char* text :
       {"",           "2026-06-2",   "2026-6-28",   "2026-06-028",      "2026-02-30", "2025-02-29", "1900-02-29",
        "2026-13-01", "2026-00-10",  "2026-01-00",  "2026-01-32",       "2026/06/28", "+026-06-28", "-026-06-28",
        "2026-06- 8", " 2026-06-28", "2026-06-28 ", "2026-06-28T00:00", "20260628",   "2026-0a-28", "2026-06-2\xd9\xa8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text));
  }
  CHECK_FALSE(parse_date(std::string_view("2026-06-2\0", 10)));
}

TEST_CASE("ISO weeks belong to the year of their Thursday") {
  CHECK(week("2026-06-28") == IsoWeek{2026, 26});  // a Sunday
  CHECK(week("2026-06-29") == IsoWeek{2026, 27});
  CHECK(week("2025-12-28") == IsoWeek{2025, 52});
  CHECK(week("2025-12-29") == IsoWeek{2026, 1});
  CHECK(week("2026-01-01") == IsoWeek{2026, 1});
  CHECK(week("2021-01-03") == IsoWeek{2020, 53});
  CHECK(week("2020-12-31") == IsoWeek{2020, 53});
  CHECK(week("2027-01-01") == IsoWeek{2026, 53});
  CHECK(week("2024-12-30") == IsoWeek{2025, 1});
  CHECK(week("2005-01-01") == IsoWeek{2004, 53});
  CHECK(week("2008-12-29") == IsoWeek{2009, 1});
}

TEST_CASE("weeks never go back and have seven days") {
  using namespace std::chrono;
  IsoWeek before{0, 0};
  int length = 7;
  for (sys_days day = sys_days{2000y / January / 3}; day < sys_days{2060y / January / 5}; day += days{1}) {  // from a Monday
    const IsoWeek now = iso_week(CivilDate{day});
    if (now != before) {
      CHECK(now > before);
      CHECK(length == 7);
      CHECK(weekday{day} == Monday);
      length = 0;
    }
    ++length;
    before = now;
  }
}

TEST_CASE("the day depends on the zone") {
  const std::int64_t instant = 1782684000;  // 2026-06-28T22:00:00Z
  CHECK(local(instant, "UTC") == "2026-06-28");
  CHECK(local(instant, "Europe/Berlin") == "2026-06-29");
  CHECK(local(instant - 1, "Europe/Berlin") == "2026-06-28");
  CHECK(local(instant, "America/New_York") == "2026-06-28");
  CHECK(local(instant, "Pacific/Kiritimati") == "2026-06-29");
  const std::int64_t winter = 1766876400;  // 2025-12-27T23:00:00Z: one hour of offset, not two
  CHECK(local(winter, "Europe/Berlin") == "2025-12-28");
  CHECK(local(winter - 1, "Europe/Berlin") == "2025-12-27");
  CHECK(local(0, "UTC") == "1970-01-01");
  CHECK(local(-1, "UTC") == "1969-12-31");
}

TEST_CASE("an unknown zone and an instant beyond the calendar give nothing") {
  for (const char* zone : {"", "Europe/Nowhere", "/etc/localtime", "../zoneinfo/UTC", "Europe", "zone.tab", "<X>-25", ":UTC",
                           "CET-1CEST", "Europe/Berlin ", "host "}) {
    CAPTURE(zone);
    CHECK(local(0, zone) == "none");
  }
  CHECK(local(INT64_MAX, "UTC") == "none");
  CHECK(local(INT64_MIN, "Europe/Berlin") == "none");
  CHECK(local(253'402'300'799, "UTC") == "9999-12-31");
  CHECK(local(253'402'300'800, "UTC") == "none");
  CHECK(local(-62'167'219'200, "UTC") == "0000-01-01");
}

TEST_CASE("the host's zone is not the environment's, and the environment stays as it was") {
  ::setenv("TZ", "XXX-23", 1);
  const std::string with = local(1782684000, "host");
  CHECK(std::string(::getenv("TZ")) == "XXX-23");
  ::unsetenv("TZ");
  CHECK(with == local(1782684000, "host"));
  CHECK(local(1782684000, "Europe/Berlin") == "2026-06-29");
  CHECK(::getenv("TZ") == nullptr);
}
