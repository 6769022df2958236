#include "gate/vault/ledger.h"

#include <algorithm>
#include <charconv>

#include "common/io.h"
#include "gate/vault/sections.h"

namespace backupctl::vault {
namespace {

constexpr std::string_view heading = "backupctl-credential-copy 1";
constexpr std::size_t max_ledger = 256 * 1024;  ///< bytes; 16 sections with max_rotations digests each have half of it

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

bool digest_ok(std::string_view digest) {
  return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// One line into the ledger; false when it is none of ours.
bool take_line(std::string_view line, Ledger& ledger) {
  const std::string_view word = take_until(line, ' ');
  if (word == "uid") {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), ledger.uid);
    return error == std::errc() && end == line.data() + line.size();
  }
  const std::string_view name = take_until(line, ' ');
  if (!section_name_ok(name)) return false;
  if (word == "remote") ledger.remote = name;
  if (word == "source") ledger.source = name;
  if (word == "section") ledger.sections.emplace_back(name);
  if (word != "token") return line.empty();
  if (!digest_ok(line)) return false;
  if (ledger.tokens.empty() || ledger.tokens.back().section != name) ledger.tokens.push_back({std::string(name), {}});
  ledger.tokens.back().digests.emplace_back(line);
  return true;
}

}  // namespace

bool Ledger::Token::knows(std::string_view digest) const { return std::ranges::find(digests, digest) != digests.end(); }

std::string Ledger::text() const {
  std::string out = fmt::format("{}\nremote {}\n", heading, remote);
  if (!source.empty()) out += fmt::format("source {}\n", source);
  out += fmt::format("uid {}\n", uid);
  for (const std::string& section : sections) out += fmt::format("section {}\n", section);
  for (const Token& token : tokens)
    for (const std::string& digest : token.digests) out += fmt::format("token {} {}\n", token.section, digest);
  return out;
}

Result<Ledger> Ledger::parse(std::string_view text) {
  Ledger ledger;
  std::string_view rest = text;
  bool good = take_until(rest, '\n') == heading;
  while (good && !rest.empty()) good = take_line(take_until(rest, '\n'), ledger);
  // Written back it must be the same bytes: nothing unknown, doubled, out of order or cut off is taken for a ledger.
  if (!good || ledger.text() != text) return fail(Exit::io_error, "not a ledger of a credential copy");
  return ledger;
}

Result<Ledger> Ledger::load(const std::string& path) {
  auto fd = open_trusted(path, true);
  if (!fd) return pass(fd.error());
  auto bytes = read_all(fd->get(), max_ledger);
  if (!bytes) return fail(Exit::io_error, "{} is {}", path, bytes.error().sentence);
  auto ledger = parse(*bytes);
  if (!ledger) return fail(Exit::io_error, "{} is {}", path, ledger.error().sentence);
  return ledger;
}

Result<> Ledger::save(const std::string& path) const { return write_file_durably(path, text(), 0600); }

}  // namespace backupctl::vault
