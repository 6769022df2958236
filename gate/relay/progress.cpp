#include "gate/relay/progress.h"

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {

void send_progress(int report, const LogStats& stats) {
  Record record;
  record.kind = Record::Kind::progress;
  record.number = {
      stats.bytes, stats.total_bytes, stats.speed, stats.eta, stats.transfers, stats.checks, stats.deletes + stats.renames};
  send_record(report, record);
}

void Progress::take(const LogLine& line, std::chrono::milliseconds now) {
  notes_.take(line);
  if (!line.stats) return;
  last_ = line.stats;
  if (sent_ && now - *sent_ < interval) return;
  sent_ = now;
  send_progress(report_, *last_);
}

Record Progress::finish() {
  notes_.finish();
  const LogStats stats = last_.value_or(LogStats{.errors = notes_.errors()});
  Record record;
  record.number = {stats.errors,
                   stats.bytes,
                   stats.transfers,
                   stats.checks,
                   stats.deletes,
                   notes_.not_found() ? 1 : 0,
                   notes_.corrupted() ? 1 : 0,
                   notes_.errors()};
  return record;
}

Result<Record> progress(const Channels& channels, std::span<const std::string>) {
  using std::chrono::milliseconds;
  Progress state(channels.report);
  const auto read = each_line(channels.in, max_log_line, [&](const LineReader::Line& line) -> Result<> {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    state.take(parse_log_line(line.text), std::chrono::duration_cast<milliseconds>(now));
    return {};
  });
  if (!read) return pass(read.error());
  return state.finish();
}

}  // namespace backupctl::relay
