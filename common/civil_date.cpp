#include "common/civil_date.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <fstream>

namespace backupctl {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

// The instants of the years 0000 to 9999: what YYYY-MM-DD can write.
constexpr std::int64_t first_second = -62'167'219'200;
constexpr std::int64_t last_second = 253'402'300'799;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The value of a text that consists of digits alone; the caller bounds its length.
unsigned digits(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

/// The time zone file behind a name. The name comes from the policy or from a container's environment, so it may only be
/// a plain relative name: no "..", nothing absolute, no POSIX rule such as "<X>-25" that would move the day.
std::optional<std::string> zone_file(std::string_view zone) {
  if (zone == "host") return "/etc/localtime";
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '+' || c == '-' || c == '/';
  };
  if (zone.empty() || zone.size() > 64 || zone.front() == '/' || !std::all_of(zone.begin(), zone.end(), allowed)) return {};
  std::string path = fmt::format("/usr/share/zoneinfo/{}", zone);
  std::string magic(4, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(magic.data(), 4) || magic != "TZif") return {};  // RFC 8536 section 3.1
  return path;
}

/// TZ set to one value for a scope. The C library offers no other way to convert with a zone that is not the process's own.
class ZoneScope {
 public:
  explicit ZoneScope(const std::string& file) {
    if (const char* old = ::getenv("TZ")) old_ = old;
    ::setenv("TZ", (":" + file).c_str(), 1);
    ::tzset();
  }
  ~ZoneScope() {
    if (old_) {
      ::setenv("TZ", old_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }
  ZoneScope(const ZoneScope&) = delete;
  ZoneScope& operator=(const ZoneScope&) = delete;

 private:
  std::optional<std::string> old_;
};

}  // namespace

std::optional<CivilDate> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return {};
  for (const std::size_t i : {0U, 1U, 2U, 3U, 5U, 6U, 8U, 9U}) {
    if (!is_digit(text[i])) return {};
  }
  const CivilDate date{std::chrono::year{static_cast<int>(digits(text.substr(0, 4)))},
                       std::chrono::month{digits(text.substr(5, 2))}, std::chrono::day{digits(text.substr(8, 2))}};
  if (!date.ok()) return {};
  return date;
}

std::string format_date(CivilDate date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

IsoWeek iso_week(CivilDate date) {
  // A week belongs to the year that its Thursday lies in (ISO 8601, 3.1.1.23).
  const sys_days day{date};
  const auto weekday = static_cast<int>(std::chrono::weekday{day}.iso_encoding());  // Monday 1 to Sunday 7
  const sys_days thursday = day + days{4 - weekday};
  const std::chrono::year year = CivilDate{thursday}.year();
  const auto since_new_year = thursday - sys_days{year / std::chrono::January / 1};
  return {static_cast<int>(year), static_cast<int>(since_new_year.count() / 7) + 1};
}

std::optional<CivilTime> time_in_zone(std::int64_t unix_seconds, std::string_view zone) {
  if (unix_seconds < first_second || unix_seconds > last_second) return {};
  if (zone == "UTC") {  // known without any zone files
    const std::chrono::sys_seconds instant{std::chrono::seconds{unix_seconds}};
    const auto day = std::chrono::floor<days>(instant);
    return CivilTime{CivilDate{day}, static_cast<int>((instant - day) / std::chrono::minutes{1})};
  }
  const auto file = zone_file(zone);
  if (!file) return {};
  const ZoneScope scope{*file};
  const time_t seconds = unix_seconds;
  struct tm local {};
  if (::localtime_r(&seconds, &local) == nullptr) return {};
  const CivilDate date{std::chrono::year{local.tm_year + 1900}, std::chrono::month{static_cast<unsigned>(local.tm_mon) + 1},
                       std::chrono::day{static_cast<unsigned>(local.tm_mday)}};
  return CivilTime{date, local.tm_hour * 60 + local.tm_min};
}

std::optional<CivilDate> date_in_zone(std::int64_t unix_seconds, std::string_view zone) {
  const auto time = time_in_zone(unix_seconds, zone);
  return time ? std::optional{time->date} : std::nullopt;
}

}  // namespace backupctl
