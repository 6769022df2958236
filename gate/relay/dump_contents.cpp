#include "gate/relay/dump_contents.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::size_t max_line = 4096;
constexpr std::size_t most_entries = 1'000'000;
constexpr std::string_view dependencies = ";\tdepends on:";

/// Takes a number off the front, and what separates it from the next.
bool take_number(std::string_view& text, std::int64_t& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (text.starts_with(';') || text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

struct Entry {
  std::int64_t id = 0;
  bool rows = false;
  bool own_foreign_key = false;
  bool view = false;
  std::vector<std::int64_t> needs = {};
};

/// What of a dump is one table's.
class Belongings {
 public:
  Belongings(std::string_view schema, std::string_view table)
      : table_(fmt::format("TABLE {} {} ", schema, table)),
        rows_(fmt::format("TABLE DATA {} {} ", schema, table)),
        foreign_key_(fmt::format("FK CONSTRAINT {} {} ", schema, table)) {}

  /// @param what  of a line, from its kind on
  void add(std::int64_t id, std::string_view what) {
    if (what.starts_with(table_)) selected_.insert(id);
    entries_.push_back({id, what.starts_with(rows_), what.starts_with(foreign_key_),
                        what.starts_with("VIEW ") || what.starts_with("MATERIALIZED VIEW ")});
  }
  void add_dependency(std::int64_t id) {
    if (!entries_.empty() && entries_.back().needs.size() < max_line) entries_.back().needs.push_back(id);
  }

  void send(int report) {
    // What depends on an entry stands behind it, but for a table's sequence, and what depends on that.
    for (bool more = !selected_.empty(); more;) {
      more = false;
      for (const Entry& entry : entries_)
        if (!selected_.contains(entry.id) && belongs(entry)) selected_.insert(entry.id), more = true;
    }
    for (const Entry& entry : entries_) {
      if (!selected_.contains(entry.id)) continue;
      Record record;
      record.kind = Record::Kind::entry;
      record.number[0] = entry.id;
      record.number[1] = entry.rows ? 1 : 0;
      send_record(report, record);
    }
  }

 private:
  [[nodiscard]] bool belongs(const Entry& entry) const {
    if (entry.own_foreign_key) return true;
    return !entry.view && !entry.needs.empty() &&
           std::ranges::all_of(entry.needs, [&](std::int64_t id) { return selected_.contains(id); });
  }

  std::string table_, rows_, foreign_key_;
  std::vector<Entry> entries_;
  std::set<std::int64_t> selected_;
};

}  // namespace

Result<Record> dump_contents(const Channels& channels, std::span<const std::string> args) {
  LineReader reader(channels.in, max_line);
  LineReader::Line line;
  Record result;
  Belongings belongings(args[0], args[1]);
  const bool wanted = !args[1].empty();
  for (;;) {
    const auto more = reader.next(line);
    if (!more) return pass(more.error());
    if (!*more) break;
    std::string_view text = line.text;
    std::int64_t id = 0;
    if (wanted && text.starts_with(dependencies)) {
      text.remove_prefix(dependencies.size() + 1);
      while (take_number(text, id)) belongings.add_dependency(id);
      continue;
    }
    std::int64_t oid = 0;
    if (!take_number(text, id) || !take_number(text, oid) || !take_number(text, oid)) continue;
    if (static_cast<std::size_t>(++result.number[0]) > most_entries)
      return fail(Exit::bad_data, "the dump's table of contents has more than {} entries; it is not used", most_entries);
    if (text.starts_with("TABLE DATA ")) ++result.number[1];
    if (wanted) belongings.add(id, text);
  }
  if (wanted) belongings.send(channels.report);
  return result;
}

}  // namespace backupctl::relay
