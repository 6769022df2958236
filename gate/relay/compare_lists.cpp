#include "gate/relay/compare_lists.h"

#include <algorithm>

#include "gate/manifest/manifest.h"
#include "gate/relay/line_reader.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::size_t max_line = 16 << 20;  // as in verify_manifest.cpp
constexpr std::string_view path_key = "{\"path\":\"";

/// One list, line by line.
class List {
 public:
  /// @param in_manifest  the lines stand in a manifest's array "files"
  List(int fd, bool in_manifest) : reader_(fd, max_line), in_manifest_(in_manifest) {}

  /// Goes to the next line. @return false at the end.
  Result<bool> next() {
    for (;;) {
      const auto more = reader_.next(line_);
      if (!more) return pass(more.error());
      const bool begins = in_manifest_ && ++lines_read_ <= 3;  // "signed", "signature", "files":[
      if (begins && *more) continue;
      if (!*more || (in_manifest_ && line_.text == manifest::last_line)) return false;
      text_ = line_.text;
      if (in_manifest_ && text_.ends_with(',')) text_.remove_suffix(1);
      const std::size_t end = path_end();
      if (line_.cut || !text_.starts_with(path_key) || end == std::string_view::npos)
        return fail(Exit::bad_data, "a list of files is not laid out as one");
      path_ = text_.substr(path_key.size(), end - path_key.size());
      ++count_;
      return true;
    }
  }

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::string_view path() const { return path_; }
  [[nodiscard]] std::int64_t count() const { return count_; }

 private:
  /// Where the path's closing quote stands; one behind a backslash belongs to the path.
  [[nodiscard]] std::size_t path_end() const {
    for (std::size_t i = path_key.size(); i < text_.size(); ++i) {
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == '"')
        return i;
    }
    return std::string_view::npos;
  }

  LineReader reader_;
  bool in_manifest_;
  LineReader::Line line_;
  std::string_view text_;
  std::string_view path_;
  int lines_read_ = 0;
  std::int64_t count_ = 0;
};

/// The order of the walk: "." first, and what lies in a directory before a neighbour whose name only begins like it.
bool before(std::string_view a, std::string_view b) {
  if (a == "." || b == ".") return a == "." && b != ".";
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto rank = [](char c) { return c == '/' ? -1 : static_cast<int>(static_cast<unsigned char>(c)); };
    return rank(x) < rank(y);
  });
}

}  // namespace

Result<Record> compare_lists(const Channels& channels, std::span<const std::string>) {
  List wanted(channels.in, true);
  List got(channels.extra, false);
  auto more_wanted = wanted.next();
  auto more_got = got.next();
  Record result;
  const auto name = [&](std::string_view path, std::int64_t how) {
    if (++result.number[0] > static_cast<std::int64_t>(most_named)) return;
    Record record;
    record.kind = Record::Kind::entry;
    record.number[0] = how;
    record.set_text(path);
    send_record(channels.report, record);
  };
  while (more_wanted && more_got && (*more_wanted || *more_got)) {
    const bool missing = *more_wanted && (!*more_got || before(wanted.path(), got.path()));
    const bool extra = *more_got && (!*more_wanted || before(got.path(), wanted.path()));
    if (missing)
      name(wanted.path(), 1);
    else if (extra)
      name(got.path(), 2);
    else if (wanted.text() != got.text())
      name(wanted.path(), 3);
    if (!extra) more_wanted = wanted.next();
    if (!missing) more_got = got.next();
  }
  if (!more_wanted) return pass(more_wanted.error());
  if (!more_got) return pass(more_got.error());
  result.number[1] = wanted.count();
  result.number[2] = got.count();
  return result;
}

}  // namespace backupctl::relay
