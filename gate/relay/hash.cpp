#include "gate/relay/hash.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "common/io.h"
#include "common/sha256.h"
#include "gate/relay/relay.h"

namespace backupctl::relay {
namespace {

constexpr std::size_t piece_size = 1 << 20;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

}  // namespace

std::optional<Digest> parse_digest(std::string_view hex) {
  Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_digit(hex[2 * i]);
    const auto low = hex_digit(hex[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return digest;
}

bool is_plain_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || c1) return false;
  }
  return !text.empty() && text.find("\xEF\xBF\xBD") == std::string_view::npos;
}

Result<Record> hash(const Channels& channels, std::span<const std::string>) {
  std::vector<char> piece(piece_size);
  Sha256 sum;
  std::int64_t size = 0;
  for (;;) {
    const ssize_t n = ::read(channels.in, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read what is to be hashed");
    if (n == 0) break;
    sum.update(piece.data(), static_cast<std::size_t>(n));
    size += n;
  }
  Record record;
  record.digest = sum.finish();
  record.number[0] = size;
  return record;
}

Result<Record> checksum(const Channels& channels, std::span<const std::string>) {
  const auto unusable = [] {
    return fail(
        Exit::bad_data,
        "the .sha256 file is not one line as sha256sum writes it, so the archive cannot be checked against it: it is not "
        "used; write it anew with sha256sum");
  };
  auto text = read_all(channels.in, 4096);
  if (!text) return text.error().exit == Exit::bad_data ? unusable() : pass(text.error());
  if (text->ends_with('\n')) text->pop_back();
  // 64 digits, a space, a space or "*" (binary), the name; a name that sha256sum had to escape begins the line with "\".
  const std::string_view line = *text;
  const auto digest = parse_digest(line.substr(0, 64));
  if (!digest || line.size() < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*') ||
      !is_plain_text(line.substr(66)) || line.size() - 66 > sizeof(Record::text))
    return unusable();
  Record record;
  record.digest = *digest;
  record.set_text(line.substr(66));
  return record;
}

}  // namespace backupctl::relay
