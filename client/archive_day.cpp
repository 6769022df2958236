#include "client/archive_day.h"

#include <strings.h>

#include <array>
#include <string>

#include "common/civil_date.h"
#include "common/escape.h"

namespace backupctl::client {
namespace {

/// In the order of std::chrono::weekday's C encoding.
constexpr std::array<std::string_view, 7> names = {"sunday",   "monday", "tuesday", "wednesday",
                                                   "thursday", "friday", "saturday"};

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// The zone's name for date_in_zone(), and where it was named.
struct Zone {
  std::string name = "host";
  std::string_view source = "/etc/localtime";
};

Zone zone_of(const Environment& environment) {
  if (const auto zone = environment("BACKUP_TZ"); !zone.empty()) return {std::string(zone), "BACKUP_TZ"};
  auto zone = environment("TZ");
  if (zone.starts_with(':')) zone.remove_prefix(1);  // tzset(3): the rest is the name of a file
  return zone.empty() ? Zone{} : Zone{std::string(zone), "TZ"};
}

}  // namespace

Result<std::chrono::weekday> parse_weekday(std::string_view text) {
  for (unsigned day = 0; day < names.size(); ++day)
    if (same(text, names[day]) || same(text, names[day].substr(0, 3))) return std::chrono::weekday{day};
  return fail(Exit::bad_config, "ARCHIVE_WEEKDAY \"{}\" is no day of the week, so nothing was sent: set it to monday … sunday",
              escape_line(text, 40));
}

Result<bool> archive_due(const Environment& environment, std::int64_t unix_seconds) {
  const auto text = environment("ARCHIVE_WEEKDAY");
  const auto day = parse_weekday(text.empty() ? names[0] : text);
  if (!day) return pass(day.error());
  const Zone zone = zone_of(environment);
  // "host" is date_in_zone()'s own word for the machine's zone, not a zone anybody may name here.
  const bool reserved = zone.source != Zone{}.source && zone.name == Zone{}.name;
  const auto date = reserved ? std::nullopt : date_in_zone(unix_seconds, zone.name);
  if (!date)
    return fail(
        Exit::bad_config,
        "the time zone \"{}\" ({}) is unknown here, so it is unclear whether today is the archive's day and nothing was sent: "
        "correct it, or install tzdata in this container",
        escape_line(zone.name, 60), zone.source);
  return std::chrono::weekday{std::chrono::sys_days{*date}} == *day;
}

}  // namespace backupctl::client
