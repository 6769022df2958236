#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "common/record.h"
#include "common/result.h"

namespace backupctl::relay {

/// Where a mode reads and reports. The descriptors stay the caller's.
struct Channels {
  int in;      ///< hostile input, read to its end
  int report;  ///< gets Records
  int extra;   ///< mode "manifest": the trusted public keys; "compare": the second list; otherwise unused
};

/// A mode sends its progress, note and entry Records to `report` as it reads, and returns its last one (Kind::result, to be
/// sent by run()), or the Error that becomes a `failed` Record. Whatever was reported before an Error is not to be used.
using ModeFunction = Result<Record> (*)(const Channels&, std::span<const std::string> args);

/// One row of the mode table.
struct Mode {
  std::string_view word;  ///< the helper program's first argument
  std::size_t arguments;  ///< how many follow it
  ModeFunction run;
};
/// All modes, a file each.
std::span<const Mode> mode_table();

/// Runs the mode that args[0] names and reports how it ended.
/// @return the exit status: that of the Error, or Exit::done
int run(const Channels& channels, std::span<const std::string> args);

/// The modes. Each is described, with what its result holds, in the header of its name.
Result<Record> progress(const Channels& channels, std::span<const std::string> args);
Result<Record> dry_run(const Channels& channels, std::span<const std::string> args);
Result<Record> listing(const Channels& channels, std::span<const std::string> args);
Result<Record> hash(const Channels& channels, std::span<const std::string> args);
Result<Record> verify_manifest(const Channels& channels, std::span<const std::string> args);
Result<Record> verify_snapshot(const Channels& channels, std::span<const std::string> args);
Result<Record> checksum(const Channels& channels, std::span<const std::string> args);
Result<Record> compare_lists(const Channels& channels, std::span<const std::string> args);
Result<Record> messages(const Channels& channels, std::span<const std::string> args);
Result<Record> dump_contents(const Channels& channels, std::span<const std::string> args);
Result<Record> dump_database(const Channels& channels, std::span<const std::string> args);
Result<Record> database_clause(const Channels& channels, std::span<const std::string> args);
Result<Record> dump_rows(const Channels& channels, std::span<const std::string> args);
Result<Record> query_rows(const Channels& channels, std::span<const std::string> args);
Result<Record> redis_info(const Channels& channels, std::span<const std::string> args);
Result<Record> redis_check(const Channels& channels, std::span<const std::string> args);
Result<Record> redis_check_aof(const Channels& channels, std::span<const std::string> args);

}  // namespace backupctl::relay
