#include "gate/relay/redis_output.h"

#include <charconv>
#include <optional>

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::size_t max_line = 4096;
constexpr std::int64_t most_databases = 100'000;
constexpr std::int64_t microseconds = 1'000'000;
constexpr std::size_t run_id_digits = 15;  ///< of 40, as many as a number holds

std::optional<std::int64_t> number(std::string_view text, int base = 10) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc{} || end == text.data() || value < 0) return std::nullopt;
  return value;
}

struct State {
  std::string_view line;  ///< name and value
  std::int64_t bit;
};
constexpr State states[] = {
    {"loading:1", redis_state::loading},
    {"async_loading:1", redis_state::loading},
    {"rdb_bgsave_in_progress:1", redis_state::saving},
    {"rdb_last_bgsave_status:err", redis_state::save_failed},
    {"aof_rewrite_in_progress:1", redis_state::rewriting},
    {"aof_rewrite_scheduled:1", redis_state::rewriting},
    {"aof_last_bgrewrite_status:err", redis_state::rewrite_failed},
    {"aof_last_write_status:err", redis_state::rewrite_failed},
    {"aof_enabled:1", redis_state::append_only},
    {"role:slave", redis_state::replica},
    {"master_link_status:down", redis_state::link_down},
    {"cluster_enabled:1", redis_state::cluster},
};

/// Of "keys=4,expires=1,avg_ttl=0" one value.
std::int64_t value_of(std::string_view values, std::string_view name) {
  const std::size_t at = values.find(name);
  return at == std::string_view::npos ? 0 : number(values.substr(at + name.size())).value_or(0);
}

/// Takes "db3:keys=4,expires=1,avg_ttl=0"; the result, whether it was that.
bool send_database(std::string_view line, int report) {
  const std::size_t colon = line.find(':');
  if (!line.starts_with("db") || colon == std::string_view::npos) return false;
  const auto database = number(line.substr(2, colon - 2));
  if (!database || !line.substr(colon).starts_with(":keys=")) return false;
  Record record;
  record.kind = Record::Kind::entry;
  record.number[0] = value_of(line, "keys=");
  record.number[1] = value_of(line, "expires=");
  record.number[2] = *database;
  send_record(report, record);
  return true;
}

void take_number(std::string_view line, Record& result) {
  const auto value = [&](std::string_view name) {
    return line.starts_with(name) ? number(line.substr(name.size())) : std::nullopt;
  };
  if (const auto time = value("rdb_last_save_time:")) result.number[1] = *time;
  if (const auto time = value("server_time_usec:")) result.number[2] = *time / microseconds;
  if (line.starts_with("run_id:")) result.number[3] = number(line.substr(7, run_id_digits), 16).value_or(0);
  if (const auto count = value("connected_clients:")) result.number[4] = *count;
  if (const auto count = value("connected_slaves:")) result.number[5] = *count;
  if (const auto version = value("redis_version:")) result.number[6] = *version;
}

/// Takes each line, without what Redis ends it with.
template <typename Take>
Result<> each_answer(int in, const Take& take) {
  return each_line(in, max_line, [&](const LineReader::Line& line) -> Result<> {
    std::string_view text = line.text;
    if (text.ends_with('\r')) text.remove_suffix(1);
    take(text);
    return {};
  });
}

}  // namespace

Result<Record> redis_info(const Channels& channels, std::span<const std::string>) {
  Record result;
  std::int64_t databases = 0;
  const auto read = each_answer(channels.in, [&](std::string_view line) {
    for (const State& state : states)
      if (line == state.line) result.number[0] |= state.bit;
    take_number(line, result);
    if (databases <= most_databases && send_database(line, channels.report)) ++databases;
  });
  if (!read) return pass(read.error());
  if (databases > most_databases)
    return fail(Exit::bad_data, "the server has more than {} databases; they are not counted", most_databases);
  if (result.number[2] == 0 || result.number[3] == 0 || result.number[6] == 0)
    return fail(Exit::bad_data, "what the server says of itself (INFO) is not what Redis 6.2 and later say");
  return result;
}

Result<Record> redis_check(const Channels& channels, std::span<const std::string>) {
  Record result;
  const auto read = each_answer(channels.in, [&](std::string_view line) {
    constexpr std::string_view info = "[info] ", offset = "[offset ";
    if (line.starts_with(info)) {
      const std::int64_t count = number(line.substr(info.size())).value_or(0);
      if (line.ends_with(" keys read")) result.number[0] = count;
      if (line.ends_with(" expires")) result.number[1] = count;
      if (line.ends_with(" already expired")) result.number[2] = count;
    }
    if (line.starts_with(offset) && line.ends_with("] \\o/ RDB looks OK! \\o/")) {
      result.number[3] = number(line.substr(offset.size())).value_or(0);
      result.number[4] = 1;
    }
  });
  if (!read) return pass(read.error());
  return result;
}

Result<Record> redis_check_aof(const Channels& channels, std::span<const std::string>) {
  Record result;
  const auto read = each_answer(channels.in, [&](std::string_view line) {
    if (line == "All AOF files and manifest are valid") result.number[0] = 1;
    if (line.find("] Can't handle RDB format version ") != std::string_view::npos) result.number[1] = 1;
  });
  if (!read) return pass(read.error());
  return result;
}

}  // namespace backupctl::relay
