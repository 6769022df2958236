#include "policy/clock.h"

#include <fmt/format.h>

#include <algorithm>

namespace backupctl::policy {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr sys_days written{std::chrono::year{2026} / std::chrono::January / 1};
constexpr days believed_behind{1};
constexpr days believed_ahead{366};

}  // namespace

std::optional<std::string> clock_fault(CivilDate today, const std::optional<CivilDate>& committed) {
  if (sys_days{today} < written) return "a day before this program was written";
  if (!committed) return {};
  if (sys_days{today} + believed_behind < sys_days{*committed})
    return fmt::format("a day before {}, the date of the newest archive that this host committed", format_date(*committed));
  if (sys_days{today} - believed_ahead > sys_days{*committed})
    return fmt::format("more than a year after {}, the date of the newest archive that this host committed",
                       format_date(*committed));
  return {};
}

std::vector<CivilDate> obsolete_history(std::vector<CivilDate> dates, CivilDate today, days keep) {
  std::erase_if(dates, [&](CivilDate date) { return sys_days{date} > sys_days{today} + days{1}; });
  std::sort(dates.begin(), dates.end());
  dates.resize(dates.size() - std::min(dates.size(), static_cast<std::size_t>(keep.count())));
  std::erase_if(dates, [&](CivilDate date) { return sys_days{date} + keep >= sys_days{today}; });
  return dates;
}

}  // namespace backupctl::policy
