#include "client/tar_reader.h"

#include <algorithm>
#include <optional>

namespace backupctl::client {
namespace {

constexpr std::size_t block_size = 512;
constexpr std::uint64_t longest_name = 4096;
constexpr std::uint64_t most_behind = std::uint64_t{1} << 20;  ///< padding after the end; GNU tar's is 10 KiB

tl::unexpected<Error> not_ours(std::string_view what) {
  return fail(Exit::bad_data, "what the host sent is not an export ({}), so it was not kept", what);
}

std::string_view field(const std::string& block, std::size_t at, std::size_t size) {
  const std::string_view text = std::string_view(block).substr(at, size);
  return text.substr(0, text.find('\0'));
}

/// Octal digits, or with the first bit set the number itself, big endian.
std::optional<std::uint64_t> number(const std::string& block, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(block[at]) & 0x80U) != 0) {
    for (std::size_t i = 1; i < size; ++i) {
      if (value >> 52U != 0) return {};
      value = value << 8U | static_cast<unsigned char>(block[at + i]);
    }
    return value;
  }
  std::string_view text = field(block, at, size);
  while (text.ends_with(' ')) text.remove_suffix(1);
  for (const char c : text) {
    if (c < '0' || c > '7') return {};
    value = value << 3U | static_cast<unsigned>(c - '0');
  }
  return value;
}

bool has_checksum(const std::string& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return number(block, 148, 8) == sum;
}

}  // namespace

Result<> TarReader::header() {
  if (block_.find_first_not_of('\0') == std::string::npos) {
    ended_ = true;
    return {};
  }
  const auto size = number(block_, 124, 12);
  const char type = block_[156];
  if (!has_checksum(block_) || field(block_, 257, 5) != "ustar" || !size) return not_ours("a header is damaged");
  if (type != '0' && type != '5' && type != 'L') return not_ours("a member is neither file nor directory");
  content_ = *size;
  padding_ = (block_size - content_ % block_size) % block_size;
  in_name_ = type == 'L';
  if (in_name_) {
    block_.clear();
    return content_ <= longest_name ? Result<>{} : not_ours("a name is too long");
  }
  Member member{long_name_.empty() ? std::string(field(block_, 0, 100)) : std::move(long_name_), type == '5', content_};
  long_name_.clear();
  in_member_ = true;
  if (member.directory && content_ != 0) return not_ours("a directory has content");
  return receiver_.begin(member);
}

Result<> TarReader::finish_member() {
  if (in_name_) {
    long_name_ = block_.substr(0, block_.find('\0'));
    in_name_ = false;
  } else if (in_member_) {
    in_member_ = false;
    if (auto done = receiver_.end(at_); !done) return done;
  }
  block_.clear();
  return {};
}

Result<> TarReader::take(std::string_view bytes) {
  while (!bytes.empty() && !ended_) {
    const bool in_header = !in_member_ && !in_name_;
    const std::uint64_t wanted = in_header ? block_size - block_.size() : content_ > 0 ? content_ : padding_;
    const std::string_view piece = bytes.substr(0, std::min<std::uint64_t>(wanted, bytes.size()));
    bytes.remove_prefix(piece.size());
    at_ += piece.size();
    if (in_header) {
      block_ += piece;
      if (block_.size() < block_size) continue;
      if (auto read = header(); !read) return read;
    } else if (content_ > 0) {
      content_ -= piece.size();
      if (in_name_) block_ += piece;
      if (auto taken = in_name_ ? Result<>{} : receiver_.content(piece); !taken) return taken;
    } else {
      padding_ -= piece.size();
    }
    if ((in_member_ || in_name_) && content_ == 0 && padding_ == 0)
      if (auto done = finish_member(); !done) return done;
  }
  behind_ += bytes.size();
  return behind_ <= most_behind ? Result<>{} : not_ours("it goes on after its end");
}

}  // namespace backupctl::client
