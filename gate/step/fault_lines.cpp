#include "gate/step/fault_lines.h"

#include "common/escape.h"

namespace backupctl::step {
namespace {

/// Record::not_read, number[0].
constexpr std::string_view reasons[] = {"",
                                        "unreadable",
                                        "changed while it was read",
                                        "vanished while it was read",
                                        "special file, not read",
                                        "mount point, not read"};
constexpr std::int64_t special_file = 4;
constexpr std::size_t lines_shown = 20;

std::string reason(const Record& record) {
  const auto number = static_cast<std::size_t>(record.number[0]);
  return fmt::format("{}: {}", number < std::size(reasons) ? reasons[number] : "not read", escape_line(record.view(), 512));
}

}  // namespace

bool FaultLines::take(const Record& record) {
  if (record.kind != Record::Kind::not_read) return false;
  const bool fault = record.number[0] != special_file;
  if (fault && first_.empty()) first_ = reason(record);
  if (lines_++ < lines_shown) output_.note(reason(record), fault);
  return true;
}

void FaultLines::finish() {
  if (lines_ > lines_shown) output_.note(fmt::format("{} more files like these", lines_ - lines_shown), true);
}

}  // namespace backupctl::step
