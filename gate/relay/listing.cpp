#include "gate/relay/listing.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "gate/relay/bounded_sax.h"
#include "gate/relay/hash.h"
#include "gate/relay/relay.h"
#include "gate/relay/rfc3339.h"
#include "gate/remote/names.h"

namespace backupctl::relay {
namespace {

/// The input as nlohmann's parser reads it. It ends early when a single piece is too long.
class Source {
 public:
  explicit Source(int fd) : fd_(fd) {}
  /// The byte at hand, or -1 at the end.
  int peek() {
    while (at_ == size_ && !ended_) fill();
    return at_ < size_ ? static_cast<unsigned char>(buffer_[at_]) : -1;
  }
  void advance() {
    ++at_;
    if (++since_piece_ > max_listing_piece) {
      ended_ = true;
      at_ = size_ = 0;
    }
  }
  void piece_done() { since_piece_ = 0; }
  [[nodiscard]] int error() const { return error_; }

 private:
  void fill() {
    const ssize_t n = ::read(fd_, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) return;
    error_ = n < 0 ? errno : 0;
    ended_ = n <= 0;
    at_ = 0;
    size_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  }

  int fd_;
  std::array<char, 65536> buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::size_t since_piece_ = 0;
  int error_ = 0;
  bool ended_ = false;
};

/// A Source as an input iterator; the end is the one without a source.
class Bytes {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit Bytes(Source* source) : source_(source) {}
  char operator*() const { return static_cast<char>(source_->peek()); }
  Bytes& operator++() {
    source_->advance();
    return *this;
  }
  bool operator==(const Bytes& other) const { return at_end() == other.at_end(); }

 private:
  [[nodiscard]] bool at_end() const { return source_ == nullptr || source_->peek() < 0; }
  Source* source_;
};

/// Whether a path leads where it says: relative, no empty, "." or ".." component.
bool is_beneath(std::string_view path) {
  for (;;) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

/// Azure's own words begin with a capital letter.
bool is_same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

class ListingSax : public BoundedSax {
 public:
  ListingSax(Source& source, int report, std::int64_t most) : BoundedSax(8), source_(source), report_(report), most_(most) {}

  [[nodiscard]] std::int64_t sent() const { return sent_; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }

 protected:
  void on_piece() override { source_.piece_done(); }

  bool on_open(bool array) override {
    if (depth() == 1) return array;
    if (depth() == 2) {
      entry_ = Record{};
      entry_.kind = Record::Kind::entry;
      entry_.number[0] = -1;
      seen_path_ = seen_directory_ = usable_ = false;
      return !array;
    }
    return true;
  }

  bool on_value(const Value& value) override {
    if (depth() < 2) return false;  // an array of objects, nothing else
    if (depth() == 2) return field(key_at(2), value);
    // 1.60 calls the hash "sha256", versions before "SHA-256".
    if (depth() == 3 && key_at(2) == "Hashes" && (key_at(3) == "sha256" || key_at(3) == "SHA-256")) return take_hash(value);
    return true;
  }

  bool on_close() override {
    if (depth() != 2) return true;
    if (!seen_path_ || !seen_directory_) return false;
    if (!usable_ || sent_ >= most_) {
      ++dropped_;
      return true;
    }
    ++sent_;
    return send_record(report_, entry_);
  }

 private:
  bool field(std::string_view key, const Value& value) {
    const auto* text = std::get_if<std::string_view>(&value);
    if (key == "Path") {
      if (text == nullptr || seen_path_) return false;
      seen_path_ = true;
      usable_ = text->size() <= entry_.text.size() && is_plain_text(*text) && is_beneath(*text);
      if (usable_) entry_.set_text(*text);
    } else if (key == "Size") {
      if (!std::holds_alternative<std::int64_t>(value)) return false;
      entry_.number[0] = std::max<std::int64_t>(integer_or(value, -1), -1);
    } else if (key == "ModTime") {
      if (text == nullptr) return false;
      entry_.number[1] = parse_rfc3339(*text).value_or(0);
    } else if (key == "Tier") {
      for (std::size_t i = 0; text != nullptr && i < std::size(remote::access_tiers); ++i)
        if (is_same_word(*text, remote::access_tiers[i])) entry_.number[4] = static_cast<std::int64_t>(i) + 1;
    } else if (key == "IsDir") {
      const auto* flag = std::get_if<bool>(&value);
      if (flag == nullptr || seen_directory_) return false;
      seen_directory_ = true;
      entry_.number[2] = *flag ? 1 : 0;
    }
    return true;
  }

  bool take_hash(const Value& value) {
    const auto* text = std::get_if<std::string_view>(&value);
    if (text == nullptr) return false;
    if (text->empty()) return true;  // the remote has none for this file
    const auto digest = parse_digest(*text);
    if (!digest) return false;
    entry_.digest = *digest;
    entry_.number[3] = 1;
    return true;
  }

  Source& source_;
  int report_;
  std::int64_t most_;
  std::int64_t sent_ = 0;
  std::int64_t dropped_ = 0;
  Record entry_;
  bool seen_path_ = false;
  bool seen_directory_ = false;
  bool usable_ = false;
};

}  // namespace

Result<Record> listing(const Channels& channels, std::span<const std::string> args) {
  std::int64_t most = 0;
  const std::string& word = args[0];
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), most);
  if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || most < 0)
    return fail(Exit::bug, "the relay was told no number of entries");
  Source source(channels.in);
  ListingSax sax(source, channels.report, most);
  const bool whole = nlohmann::json::sax_parse(Bytes(&source), Bytes(nullptr), &sax);
  if (source.error() != 0) return fail_errno(Exit::io_error, source.error(), "cannot read the remote's listing");
  if (!whole)
    return fail(Exit::bad_data,
                "the remote's listing broke off or is not one: nothing can be concluded from it and nothing was deleted; try "
                "again, then look at the remote with rclone lsjson");
  Record record;
  record.number[0] = sax.sent();
  record.number[1] = sax.dropped();
  return record;
}

}  // namespace backupctl::relay
