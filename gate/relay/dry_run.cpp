#include "gate/relay/dry_run.h"

#include <algorithm>

#include "gate/relay/line_reader.h"
#include "gate/relay/progress.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {

void DryRun::take(const LogLine& line) {
  notes_.take(line);
  if (line.stats) {
    last_ = line.stats;
    send_progress(report_, *last_);
  }
  // "delete" is what it says where no backup directory is in effect; "move" precedes the "copy" of a replaced file.
  deleted_ += line.skipped == "move into backup dir" || line.skipped == "delete" ? 1 : 0;
  moved_ += line.skipped == "move" ? 1 : 0;
  copied_ += line.skipped == "copy" ? 1 : 0;
}

Result<Record> DryRun::finish() {
  notes_.finish();
  if (!last_)
    return fail(Exit::unavailable,
                "rclone's dry run ended without its figures, so nobody knows what the mirror would lose: nothing was changed; "
                "see its messages above");
  const std::int64_t deleted = std::max(deleted_, last_->deletes);
  const std::int64_t replaced = std::max(moved_, last_->renames);
  const std::int64_t copied = std::max(copied_, last_->transfers);
  Record record;
  record.number[0] = deleted;
  record.number[1] = replaced;
  record.number[2] = std::max(last_->checks - std::max<std::int64_t>(last_->renames, 0), deleted + replaced);
  record.number[3] = std::max<std::int64_t>(copied - replaced, 0);
  record.number[4] = std::max(notes_.errors(), last_->errors);
  record.number[5] = notes_.odd_names();
  return record;
}

Result<Record> dry_run(const Channels& channels, std::span<const std::string>) {
  DryRun state(channels.report);
  const auto read = each_line(channels.in, max_log_line, [&](const LineReader::Line& line) -> Result<> {
    state.take(parse_log_line(line.text));
    return {};
  });
  if (!read) return pass(read.error());
  return state.finish();
}

}  // namespace backupctl::relay
