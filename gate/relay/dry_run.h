#pragma once

#include <array>
#include <string_view>

#include "common/record.h"
#include "common/result.h"
#include "gate/relay/log_line.h"
#include "gate/relay/log_notes.h"

namespace backupctl::relay {

/// What guard D3 must add to the arguments of the sync it is about to allow, for its dry run. A value follows the last one:
///     rclone sync SOURCE DESTINATION <the sync's own flags> <dry_run_flags> BACKUP_DIR
///
/// --backup-dir is needed even where no history is kept: only with it does rclone say which existing files it would replace
/// ("skipped":"move"); without it new and replaced files look the same ("skipped":"copy"). Nothing is written there. It must
/// lie on the destination's own remote, outside the destination, and need not exist. --retries 1, because figures add up over
/// retries; --stats, because without it no final statistics are logged, and a comparison that does not get on is to be noticed
/// (remote/standstill.h); 1m is often enough for that.
///
/// Source: rclone 1.60.1 as it runs, fs/operations and fs/sync as they are in 1.60.1 and 1.74: SkipDestructive logs at NOTICE
/// the keys "skipped" and "object"; each pair of files, each deletion and each move into the backup directory is one check.
inline constexpr std::array<std::string_view, 9> dry_run_flags = {
    "--dry-run", "--use-json-log", "--stats", "1m", "--stats-log-level", "NOTICE", "--retries", "1", "--backup-dir",
};

/// Mode "dry-run": the standard error of that dry run becomes figures for guard D3. Of what the lines and the statistics say
/// the greater number counts, so that a change in later versions errs on the side of the guard. All statistics are passed on as
/// in mode "progress".
/// The result: number[0] files to delete, [1] existing files to replace, [2] files in the mirror in all, [3] new files,
/// [4] errors, [5] those of them that are names which cannot be where they are (log_notes.h). Error: Exit::unavailable when
/// rclone ended without statistics: then nothing is known.
class DryRun {
 public:
  explicit DryRun(int report) : report_(report), notes_(report) {}
  void take(const LogLine& line);
  Result<Record> finish();

 private:
  int report_;
  LogNotes notes_;
  std::optional<LogStats> last_;
  std::int64_t deleted_ = 0;
  std::int64_t moved_ = 0;
  std::int64_t copied_ = 0;
};

}  // namespace backupctl::relay
