#include "gate/source/reporter.h"

#include <fmt/format.h>

namespace backupctl::archive {

using namespace std::chrono_literals;

void Reporter::not_read(NotRead why, std::string_view path, std::string_view what, bool harmless) {
  const bool special = why == NotRead::special;
  ++(special ? special_ : harmless ? harmless_ : incomplete_);
  if (++reports_ > max_reports) return;
  Record record;
  record.kind = Record::Kind::not_read;
  record.number[0] = static_cast<std::int64_t>(why);
  // The reason first: of a path longer than a record its front is what matters.
  record.set_text(fmt::format("{}: {}", what, path.empty() ? "." : path));
  send(record);
  if (reports_ == max_reports)
    note(fmt::format("more than {} files are reported; the rest are only counted", max_reports), true);
}

void Reporter::progress(std::uint64_t bytes, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (now - told_ < 1s) return;
  told_ = now;
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const auto rate = static_cast<std::int64_t>(static_cast<double>(bytes) / seconds);
  Record record;
  record.kind = Record::Kind::progress;
  record.number = {static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(all), rate, -1};
  if (all > bytes && rate > 0) record.number[3] = static_cast<std::int64_t>(all - bytes) / rate;
  send(record);
}

void Reporter::note(std::string_view text, bool warning) {
  Record record;
  record.kind = Record::Kind::note;
  record.number[0] = warning ? 1 : 0;
  record.set_text(text);
  send(record);
}

void Reporter::failed(const Error& error) {
  Record record;
  record.kind = Record::Kind::failed;
  record.number[0] = to_status(error.exit);
  record.set_text(error.sentence);
  send(record);
}

void Reporter::send(const Record& record) { send_record(fd_, record); }

}  // namespace backupctl::archive
