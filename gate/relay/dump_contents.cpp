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

/// Takes an entry's numbers off a line; not: it is none.
bool take_entry(std::string_view& text, std::int64_t& id) {
  std::int64_t oid = 0;
  return take_number(text, id) && take_number(text, oid) && take_number(text, oid);
}

/// Whether a line from its kind on is the one that begins so and goes on with its owner alone: "TABLE s t x shop" is no line of
/// a table t. A line quotes nothing, so that an owner with a space in its name would have to be guessed.
bool is_of(std::string_view what, std::string_view beginning) {
  return what.starts_with(beginning) && what.find(' ', beginning.size()) == std::string_view::npos;
}

/// What something else must not be restored without: of schemas, types and functions it is taken that they are there.
constexpr std::string_view relations[] = {"TABLE ",      "VIEW ", "MATERIALIZED VIEW ", "FOREIGN TABLE ", "SEQUENCE ",
                                          "CONSTRAINT ", "INDEX "};
constexpr std::string_view no_relations[] = {"TABLE DATA ", "TABLE ATTACH ", "SEQUENCE SET ", "SEQUENCE OWNED BY ",
                                             "INDEX ATTACH "};

bool starts_with_any(std::string_view what, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return what.starts_with(word); });
}

struct Entry {
  std::int64_t id = 0;
  Belonging kind = Belonging::definition;
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
    if (is_of(what, table_)) selected_.insert(id);
    if (starts_with_any(what, relations) && !starts_with_any(what, no_relations)) relations_.insert(id);
    entries_.push_back({id,
                        is_of(what, rows_)               ? Belonging::rows
                        : what.starts_with(foreign_key_) ? Belonging::foreign_key
                                                         : Belonging::definition,
                        what.starts_with("VIEW ") || what.starts_with("MATERIALIZED VIEW ")});
  }
  void add_dependency(std::int64_t id) {
    if (!entries_.empty() && entries_.back().needs.size() < max_line) entries_.back().needs.push_back(id);
  }

  /// Error: "s t".x and s."t x" are one line.
  Result<> send(int report) {
    if (selected_.size() > 1)
      return fail(Exit::bad_data,
                  "the dump's table of contents has more than one table that reads like this one; it is not used");
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
      record.number[1] = static_cast<std::int64_t>(entry.kind);
      send_record(report, record);
    }
    return {};
  }

 private:
  [[nodiscard]] bool belongs(const Entry& entry) const {
    const auto is_selected = [&](std::int64_t id) { return selected_.contains(id); };
    const auto is_there = [&](std::int64_t id) { return selected_.contains(id) || !relations_.contains(id); };
    return entry.kind == Belonging::foreign_key ||
           (!entry.view && std::ranges::any_of(entry.needs, is_selected) && std::ranges::all_of(entry.needs, is_there));
  }

  std::string table_, rows_, foreign_key_;
  std::vector<Entry> entries_;
  std::set<std::int64_t> selected_, relations_;
};

}  // namespace

Result<Record> dump_contents(const Channels& channels, std::span<const std::string> args) {
  Record result;
  Belongings belongings(args[0], args[1]);
  const bool wanted = !args[1].empty();
  const auto read = each_line(channels.in, max_line, [&](const LineReader::Line& line) -> Result<> {
    std::string_view text = line.text;
    std::int64_t id = 0;
    if (wanted && text.starts_with(dependencies)) {
      text.remove_prefix(std::min(dependencies.size() + 1, text.size()));
      while (take_number(text, id)) belongings.add_dependency(id);
      return {};
    }
    if (!take_entry(text, id)) return {};
    if (static_cast<std::size_t>(++result.number[0]) > most_entries)
      return fail(Exit::bad_data, "the dump's table of contents has more than {} entries; it is not used", most_entries);
    if (text.starts_with("TABLE DATA ")) ++result.number[1];
    if (wanted) belongings.add(id, text);
    return {};
  });
  if (!read) return pass(read.error());
  if (wanted)
    if (auto sent = belongings.send(channels.report); !sent) return pass(sent.error());
  return result;
}

Result<Record> dump_database(const Channels& channels, std::span<const std::string> args) {
  constexpr std::string_view others[] = {"DATABASE PROPERTIES - ", "COMMENT - DATABASE ", "ACL - DATABASE ",
                                         "SECURITY LABEL - DATABASE "};
  const std::string own = fmt::format("DATABASE - {} ", args[0]);
  Record result;
  const auto read = each_line(channels.in, max_line, [&](const LineReader::Line& line) -> Result<> {
    std::string_view text = line.text;
    Record record;
    if (!take_entry(text, record.number[0])) return {};
    // Its making stands before what else is its.
    if (result.number[0] == 0 ? !is_of(text, own) : !starts_with_any(text, others)) return {};
    if (static_cast<std::size_t>(++result.number[0]) > std::size(others) + 1)
      return fail(Exit::bad_data, "the dump makes its database more than once; it is not used");
    record.kind = Record::Kind::entry;
    send_record(channels.report, record);
    return {};
  });
  if (!read) return pass(read.error());
  return result;
}

Result<Record> database_clause(const Channels& channels, std::span<const std::string>) {
  constexpr std::string_view create = "CREATE DATABASE ", from = " WITH TEMPLATE = template0 ";
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@,-=' ";
  Record result;
  const auto read = each_line(channels.in, max_line, [&](const LineReader::Line& line) -> Result<> {
    if (result.number[0] != 0 || !line.text.starts_with(create) || !line.text.ends_with(';')) return {};
    ++result.number[0];
    const std::string_view text = line.text.substr(0, line.text.size() - 1);
    const std::size_t at = text.rfind(from);
    if (at == std::string_view::npos || text.find_first_not_of(plain, at) != std::string_view::npos) return {};
    Record record;
    record.kind = Record::Kind::entry;
    record.set_text(text.substr(at + from.size()));
    send_record(channels.report, record);
    return {};
  });
  if (!read) return pass(read.error());
  return result;
}

}  // namespace backupctl::relay
