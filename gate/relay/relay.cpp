#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::array<Mode, 17> modes = {{
    {"progress", 0, progress},
    {"dry-run", 0, dry_run},
    {"listing", 1, listing},
    {"hash", 0, hash},
    {"manifest", 2, verify_manifest},
    {"snapshot", 2, verify_snapshot},
    {"checksum", 0, checksum},
    {"compare", 0, compare_lists},
    {"messages", 0, messages},
    {"dump-contents", 2, dump_contents},
    {"dump-database", 1, dump_database},
    {"database-clause", 0, database_clause},
    {"dump-rows", 0, dump_rows},
    {"query-rows", 0, query_rows},
    {"redis-info", 0, redis_info},
    {"redis-check", 0, redis_check},
    {"redis-check-aof", 0, redis_check_aof},
}};

}  // namespace

std::span<const Mode> mode_table() { return modes; }

int run(const Channels& channels, std::span<const std::string> args) {
  Result<Record> last = fail(Exit::bug, "the relay was started without a mode, or with the wrong arguments for it");
  for (const Mode& mode : modes)
    if (!args.empty() && args[0] == mode.word && args.size() == mode.arguments + 1) last = mode.run(channels, args.subspan(1));
  Record record;
  if (last) {
    record = *last;
    record.kind = Record::Kind::result;
  } else {
    record.kind = Record::Kind::failed;
    record.number[0] = to_status(last.error().exit);
    record.set_text(last.error().sentence);
  }
  send_record(channels.report, record);
  return to_status(last ? Exit::done : last.error().exit);
}

}  // namespace backupctl::relay
