#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backupctl {

/// A day of the civil (proleptic Gregorian) calendar, without zone or clock; std::chrono does the arithmetic.
using CivilDate = std::chrono::year_month_day;

/// Parses exactly YYYY-MM-DD; nothing for anything else, a day that does not exist included.
std::optional<CivilDate> parse_date(std::string_view text);
/// YYYY-MM-DD. @param date  of the years 0 to 9999.
std::string format_date(CivilDate date);

/// The ISO 8601 week a day lies in, as (ISO year, week 1 to 53).
struct IsoWeek {
  int year;
  int week;
  auto operator<=>(const IsoWeek&) const = default;
};
IsoWeek iso_week(CivilDate date);

/// A civil date and the minute of that day, 0 to 1439.
struct CivilTime {
  CivilDate date;
  int minute_of_day;
};

/// The civil date and time of an instant in a zone: "host" (the machine's /etc/localtime, UTC where there is none; a TZ in the
/// environment is not read), "UTC", or an IANA name ("Europe/Berlin") that this machine has in /usr/share/zoneinfo.
/// Nothing when the zone is unknown or the year is not 0 to 9999. Sets TZ for the moment of the call: call it while the
/// process has one thread. @param unix_seconds  seconds since 1970-01-01T00:00:00Z.
std::optional<CivilTime> time_in_zone(std::int64_t unix_seconds, std::string_view zone);
/// Its date alone.
std::optional<CivilDate> date_in_zone(std::int64_t unix_seconds, std::string_view zone);

}  // namespace backupctl
