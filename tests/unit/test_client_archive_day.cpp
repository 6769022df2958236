#include <doctest/doctest.h>

#include "client/archive_day.h"
#include "tests/unit/client_fixture.h"

using namespace backupctl;
using namespace backupctl::client;

namespace {
// 2024-03-10 was a Sunday.
constexpr std::int64_t sunday_midnight_utc = 1710028800;
constexpr std::int64_t hour = 3600;
}  // namespace

TEST_CASE("weekdays") {
  const std::string_view names[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
  for (unsigned day = 0; day < 7; ++day) {
    const std::string name(names[day]);
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    std::string title = name;
    title[0] = upper[0];
    for (const std::string& text : {name, upper, title, name.substr(0, 3), upper.substr(0, 3), title.substr(0, 3)}) {
      CAPTURE(text);
      CHECK(parse_weekday(text) == std::chrono::weekday{day});
    }
  }
  for (const std::string_view text : {"", "su", "sund", "sundayy", "0", "7", "sonntag", " sunday", "sunday,monday", "\n"}) {
    CAPTURE(text);
    const auto day = parse_weekday(text);
    REQUIRE(!day);
    CHECK(day.error().exit == Exit::bad_config);
    CHECK(day.error().sentence.find("ARCHIVE_WEEKDAY") != std::string::npos);
  }
}

TEST_CASE("midnight falls where the zone says") {
  const struct {
    const char* zone;
    std::int64_t midnight;  // of the Sunday 2024-03-10 there
    std::int64_t length;    // of that day, in hours
  } rows[] = {
      {"UTC", sunday_midnight_utc, 24},
      {"Europe/Berlin", sunday_midnight_utc - 1 * hour, 24},
      {"America/New_York", sunday_midnight_utc + 5 * hour, 23},  // the clocks go forward that day
      {"Pacific/Kiritimati", sunday_midnight_utc - 14 * hour, 24},
      {"Asia/Kathmandu", sunday_midnight_utc - 5 * hour - 45 * 60, 24},
  };
  for (const auto& row : rows) {
    CAPTURE(row.zone);
    const Variables with{{{"BACKUP_TZ", row.zone}, {"TZ", "UTC"}}};
    CHECK(archive_due(with, row.midnight - 1) == false);
    CHECK(archive_due(with, row.midnight) == true);
    CHECK(archive_due(with, row.midnight + row.length * hour - 1) == true);
    CHECK(archive_due(with, row.midnight + row.length * hour) == false);
  }
}

TEST_CASE("the weekday asked for") {
  const Variables monday{{{"BACKUP_TZ", "UTC"}, {"ARCHIVE_WEEKDAY", "Mon"}}};
  CHECK(archive_due(monday, sunday_midnight_utc) == false);
  CHECK(archive_due(monday, sunday_midnight_utc + 24 * hour) == true);
  const Variables bad{{{"BACKUP_TZ", "UTC"}, {"ARCHIVE_WEEKDAY", "someday"}}};
  CHECK(!archive_due(bad, sunday_midnight_utc));
}

TEST_CASE("without BACKUP_TZ the container's zone counts") {
  const std::int64_t late = sunday_midnight_utc - 1;  // Sunday in Kiritimati, Saturday in UTC
  CHECK(archive_due(Variables{{{"TZ", "Pacific/Kiritimati"}}}, late) == true);
  CHECK(archive_due(Variables{{{"TZ", ":Pacific/Kiritimati"}}}, late) == true);
  CHECK(archive_due(Variables{{{"TZ", "UTC"}}}, late) == false);
  CHECK(archive_due(Variables{}, sunday_midnight_utc).has_value());
}

TEST_CASE("an unknown zone is an error, never UTC") {
  for (const char* zone :
       {"Europe/Berlim", "Mars/Olympus", "host", "../../etc/localtime", "/etc/localtime", "CET-1CEST", "XYZ", " UTC"}) {
    for (const char* variable : {"BACKUP_TZ", "TZ"}) {
      CAPTURE(zone);
      CAPTURE(variable);
      const auto due = archive_due(Variables{{{variable, zone}}}, sunday_midnight_utc);
      REQUIRE(!due);
      CHECK(due.error().exit == Exit::bad_config);
      CHECK(due.error().sentence.find(fmt::format("({})", variable)) != std::string::npos);
    }
  }
}
