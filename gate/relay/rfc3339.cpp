#include "gate/relay/rfc3339.h"

#include <chrono>

#include "common/civil_date.h"

namespace backupctl::relay {
namespace {

/// "HH:MM" or "HH:MM:SS" as seconds; nothing unless each part is two digits below 24, 60, 60.
std::optional<std::int64_t> clock(std::string_view text) {
  std::int64_t seconds = 0;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const std::string_view part = text.substr(i, 3);
    const bool last = i + 3 > text.size();
    const auto digit = [&](std::size_t at) { return at < part.size() && part[at] >= '0' && part[at] <= '9'; };
    if (!digit(0) || !digit(1) || (!last && part[2] != ':')) return std::nullopt;
    const std::int64_t value = (part[0] - '0') * 10 + (part[1] - '0');
    if (value >= (i == 0 ? 24 : 60)) return std::nullopt;
    seconds = seconds * 60 + value;
  }
  return seconds;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T') return std::nullopt;
  const auto date = parse_date(text.substr(0, 10));
  const auto time = clock(text.substr(11, 8));
  if (!date || !time) return std::nullopt;
  std::string_view rest = text.substr(19);
  if (rest.front() == '.') {
    const std::size_t end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end);
  }
  std::int64_t offset = 0;
  if (rest != "Z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-')) return std::nullopt;
    const auto minutes = clock(rest.substr(1));
    if (!minutes) return std::nullopt;
    offset = *minutes * (rest[0] == '+' ? 60 : -60);
  }
  const auto day = std::chrono::sys_days(*date).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(day).count() + *time - offset;
}

}  // namespace backupctl::relay
