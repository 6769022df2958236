#include "policy/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace backupctl::policy {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

/// The days of one service's archives, newest first.
using Days = std::set<CivilDate, std::greater<>>;
/// Why each kept day is kept.
using Reasons = std::map<CivilDate, std::string>;

void add_reason(Reasons& reasons, CivilDate day, const std::string& reason) {
  std::string& text = reasons[day];
  text += text.empty() ? reason : ", " + reason;
}

/// The spans of time of which the newest archive is kept (rule 5), by the names that people use for them.
std::string day_of(CivilDate day) { return "day " + format_date(day); }
std::string week_of(CivilDate day) {
  const IsoWeek week = iso_week(day);
  return fmt::format("week {:04}-W{:02}", week.year, week.week);
}
std::string month_of(CivilDate day) { return "month " + format_date(day).substr(0, 7); }

/// Rule 5 for one kind of span: keeps the newest day of each of the `count` latest spans that have one. Days come newest
/// first, so a span's first day is its newest, and spans come latest first.
void keep_newest_of(const Days& archives, std::uint32_t count, std::string (*span_of)(CivilDate), Reasons& reasons) {
  std::string last;
  for (const CivilDate day : archives) {
    const std::string span = span_of(day);
    if (span == last) continue;
    if (count-- == 0) return;
    add_reason(reasons, day, "newest of " + span);
    last = span;
  }
}

Reasons kept_days(const Days& archives, const Keep& keep, std::uint32_t keep_last) {
  Reasons reasons;
  keep_newest_of(archives, keep.daily, day_of, reasons);
  keep_newest_of(archives, keep.weekly, week_of, reasons);
  keep_newest_of(archives, keep.monthly, month_of, reasons);
  std::uint32_t place = 0;
  for (const CivilDate day : archives) {  // rule 6
    if (place++ == keep_last) break;
    add_reason(reasons, day, keep_last == 1 ? std::string("newest of all") : fmt::format("one of the newest {}", keep_last));
  }
  return reasons;
}

/// The verdict about an archive that counts.
Verdict judge(CivilDate day, const Reasons& kept, const RetentionRun& run) {
  const auto reason = kept.find(day);
  if (reason != kept.end()) return {Fate::keep, reason->second, day, false};
  if (run.newest_committed && run.today < *run.newest_committed) {
    return {Fate::keep,
            fmt::format("today, {}, is before the newest committed archive, {}: the clock is wrong, so nothing is deleted",
                        format_date(run.today), format_date(*run.newest_committed)),
            day, true};
  }
  return {Fate::delete_, "no rule keeps it", day, false};
}

}  // namespace

std::string_view word(Fate fate) {
  constexpr std::string_view words[] = {"keep", "delete", "ignore"};
  return words[static_cast<std::size_t>(fate)];
}

Result<std::vector<Verdict>> retain(std::span<const std::string> names, const RetentionRun& run) {
  if (run.keep == Keep{}) {
    return fail(
        Exit::bad_config,
        "retention keeps no days, no weeks and no months, so nothing was deleted; give at least one of them a number above 0");
  }
  const CivilDate tomorrow{sys_days{run.today} + days{1}};
  std::vector<tl::expected<ArchiveName, std::string>> parsed;
  parsed.reserve(names.size());
  std::map<std::string, Days> counted;
  for (const std::string& name : names) {
    auto archive = parse_archive_name(name);
    if (archive && !run.service.empty() && archive->service != run.service) {
      archive = tl::make_unexpected(fmt::format("an archive of another service, {}", archive->service));
    }
    if (archive && archive->date <= tomorrow) counted[archive->service].insert(archive->date);
    parsed.push_back(std::move(archive));
  }

  std::map<std::string, Reasons> kept;
  for (const auto& [service, archives] : counted) kept[service] = kept_days(archives, run.keep, run.keep_last);

  std::vector<Verdict> verdicts;
  verdicts.reserve(names.size());
  for (const auto& archive : parsed) {
    if (!archive) {
      verdicts.push_back({Fate::ignore, archive.error(), {}, false});
    } else if (archive->date > tomorrow) {
      verdicts.push_back({Fate::keep, "dated after tomorrow: kept and not counted", archive->date, true});
    } else {
      verdicts.push_back(judge(archive->date, kept[archive->service], run));
    }
  }
  return verdicts;
}

std::vector<std::size_t> deletions(std::span<const Verdict> verdicts, std::size_t limit) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i].fate == Fate::delete_) positions.push_back(i);
  }
  std::stable_sort(positions.begin(), positions.end(),
                   [&](std::size_t a, std::size_t b) { return *verdicts[a].date < *verdicts[b].date; });
  if (positions.size() > limit) positions.resize(limit);
  return positions;
}

}  // namespace backupctl::policy
