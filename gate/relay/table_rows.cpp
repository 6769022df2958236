#include "gate/relay/table_rows.h"

#include <algorithm>
#include <charconv>

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::size_t max_line = 4096;
constexpr std::int64_t most_tables = 100'000;
constexpr std::string_view copy = "COPY ";
constexpr char line_break = '?';  ///< what stands for one in a table's name; postgres_database.cpp has the same
constexpr std::string_view from_stdin = " FROM stdin;";

class Tables {
 public:
  explicit Tables(int report) : report_(report) {}

  Result<> add(std::string_view name, std::int64_t rows) {
    if (++result_.number[0] > most_tables)
      return fail(Exit::bad_data, "the database has more than {} tables; they are not counted", most_tables);
    result_.number[1] += rows;
    Record record;
    record.kind = Record::Kind::entry;
    record.set_text(name);
    record.number[0] = rows;
    send_record(report_, record);
    return {};
  }
  [[nodiscard]] const Record& result() const { return result_; }

 private:
  int report_;
  Record result_;
};

/// Whether a name in quotes goes on in the next line.
bool is_open(std::string_view line) { return std::ranges::count(line, '"') % 2 != 0; }

/// Of "COPY public."odd (name" (a, b) FROM stdin;" the name: to the first space outside of quotes.
std::string_view copied_table(std::string_view line) {
  line.remove_prefix(copy.size());
  bool quoted = false;
  std::size_t end = 0;
  for (; end < line.size() && (quoted || line[end] != ' '); ++end) quoted = quoted != (line[end] == '"');
  return line.substr(0, end);
}

}  // namespace

Result<Record> dump_rows(const Channels& channels, std::span<const std::string>) {
  Tables tables(channels.report);
  std::string table;
  std::int64_t rows = 0;
  std::string begun;  // of a COPY whose names have line breaks, as far as it came
  const auto read = each_line(channels.in, max_line, [&](const LineReader::Line& line) -> Result<> {
    if (table.empty()) {
      if (begun.empty() && !line.text.starts_with(copy)) return {};
      if (begun.size() < max_line) begun += line.text;
      const bool whole = line.cut || begun.size() >= max_line;
      if (!whole && is_open(begun)) {
        begun += line_break;
        return {};
      }
      if (whole || begun.ends_with(from_stdin)) table = copied_table(begun), rows = 0;
      begun.clear();
    } else if (line.text != "\\.") {
      ++rows;
    } else {
      if (auto added = tables.add(table, rows); !added) return added;
      table.clear();
    }
    return {};
  });
  if (!read) return pass(read.error());
  if (!table.empty()) return fail(Exit::bad_data, "the dump ends within a table; it is not used");
  return tables.result();
}

Result<Record> query_rows(const Channels& channels, std::span<const std::string>) {
  Tables tables(channels.report);
  const auto read = each_line(channels.in, max_line, [&](const LineReader::Line& line) -> Result<> {
    const std::size_t tab = line.text.rfind('\t');
    if (tab == std::string_view::npos) return {};
    std::int64_t rows = 0;
    const std::string_view number = line.text.substr(tab + 1);
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), rows);
    if (code != std::errc{} || end != number.data() + number.size()) return {};
    return tables.add(line.text.substr(0, tab), rows);
  });
  if (!read) return pass(read.error());
  return tables.result();
}

}  // namespace backupctl::relay
