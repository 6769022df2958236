#include "common/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/civil_date.h"

namespace backupctl {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
/// The bytes that tokens may contain: those of paths, which include all of the others.
constexpr bool is_token_byte(char c) {
  return is_digit(c) || is_lower(c) || is_upper(c) || std::string_view("._-/@+=,:").find(c) != std::string_view::npos;
}

/// What the client may never ask for (wire.md, "The operator, on the host"; --ssh-gate is the gate's own entry). They are
/// told apart from unknown verbs only for the journal and the user: neither runs.
constexpr std::array<std::string_view, 15> operator_verbs{
    "--restore",      "--restore-commit", "--restore-rollback", "--drill",   "--adopt",
    "--check",        "--check-policy",   "--explain",          "--recover", "--preview-retention",
    "--recover-plan", "--verify-journal", "--guardian",         "--doctor",  "--ssh-gate",
};

/// number = "0" | [1-9][0-9]{0,5}: one spelling for each value, none that could overflow.
std::optional<std::uint32_t> read_number(std::string_view text, std::uint32_t lowest) {
  if (text.empty() || text.size() > 6 || !std::all_of(text.begin(), text.end(), is_digit)) return {};
  if (text.size() > 1 && text.front() == '0') return {};
  std::uint32_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  if (value < lowest) return {};
  return value;
}

bool read_path(std::string_view value, Request& request) {
  if (!is_path_text(value) || value.front() != '/') return false;
  request.path = value;
  return true;
}

bool read_remote(std::string_view value, Request& request) {
  const std::size_t colon = value.find(':');  // the first: a remote's name has none, a folder may
  if (colon == std::string_view::npos) return false;
  const std::string_view remote = value.substr(0, colon);
  const std::string_view folder = value.substr(colon + 1);
  if (!is_remote_name(remote) || !is_path_text(folder)) return false;
  request.remote = RemoteAssertion{std::string(remote), std::string(folder)};
  return true;
}

bool read_keep_weekly(std::string_view value, Request& request) {
  return (request.keep_weekly = read_number(value, 0)).has_value();
}
bool read_keep_monthly(std::string_view value, Request& request) {
  return (request.keep_monthly = read_number(value, 0)).has_value();
}
bool read_timeout(std::string_view value, Request& request) { return (request.timeout = read_number(value, 1)).has_value(); }

bool read_snapshot_id(std::string_view value, Request& request) {
  if (!is_snapshot_id(value)) return false;
  request.snapshot_id = value;
  return true;
}

/// bytes = [1-9][0-9]{0,14}: what is counted in them is not the newest snapshot, but the one that was begun.
bool read_offset(std::string_view value, Request& request) {
  if (value.empty() || value.size() > 15 || value.front() == '0' || !request.snapshot_id) return false;
  if (!std::all_of(value.begin(), value.end(), is_digit)) return false;
  std::uint64_t offset = 0;
  for (const char c : value) offset = offset * 10 + static_cast<std::uint64_t>(c - '0');
  request.offset = offset;
  return true;
}

std::optional<std::string> write_path(const Request& r) { return r.path; }
std::optional<std::string> write_remote(const Request& r) {
  if (!r.remote) return {};
  return r.remote->remote + ":" + r.remote->folder;
}
template <class Number>
std::optional<std::string> write_number(std::optional<Number> number) {
  if (!number) return {};
  return fmt::format("{}", *number);
}
std::optional<std::string> write_keep_weekly(const Request& r) { return write_number(r.keep_weekly); }
std::optional<std::string> write_keep_monthly(const Request& r) { return write_number(r.keep_monthly); }
std::optional<std::string> write_timeout(const Request& r) { return write_number(r.timeout); }
std::optional<std::string> write_snapshot_id(const Request& r) { return r.snapshot_id; }
std::optional<std::string> write_offset(const Request& r) { return write_number(r.offset); }

/// One row of the option table: a word with a value, how the value is read and how it is written.
struct OptionInfo {
  OptionBit bit;
  std::string_view word;
  bool (*read)(std::string_view value, Request& request);       ///< false: malformed
  std::optional<std::string> (*write)(const Request& request);  ///< nothing: not given
};

/// All options with a value, in the grammar's order; --json, which has none, comes after them.
constexpr std::array<OptionInfo, 7> options{{
    {option_path, "--path", read_path, write_path},
    {option_remote, "--remote", read_remote, write_remote},
    {option_keep_weekly, "--keep-weekly", read_keep_weekly, write_keep_weekly},
    {option_keep_monthly, "--keep-monthly", read_keep_monthly, write_keep_monthly},
    {option_timeout, "--timeout", read_timeout, write_timeout},
    {option_snapshot_id, "--snapshot-id", read_snapshot_id, write_snapshot_id},
    {option_offset, "--offset", read_offset, write_offset},
}};
constexpr std::string_view json_word = "--json";

/// Splits at every single SP. Two SP, or one at an end, give an empty token, which no rule accepts.
class Tokens {
 public:
  explicit Tokens(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] std::optional<std::string_view> peek() const {
    if (!rest_) return {};
    return rest_->substr(0, rest_->find(' '));
  }
  std::optional<std::string_view> next() {
    const auto token = peek();
    if (!token) return {};
    if (token->size() == rest_->size()) {
      rest_.reset();
    } else {
      rest_->remove_prefix(token->size() + 1);
    }
    return token;
  }

 private:
  std::optional<std::string_view> rest_;
};

tl::unexpected<RefusalCode> refuse(RefusalCode code) { return tl::make_unexpected(code); }

tl::expected<const VerbInfo*, RefusalCode> read_verb(Tokens& tokens) {
  const auto word = tokens.next();
  if (!word || !word->starts_with("--")) return refuse(RefusalCode::syntax);
  for (const VerbInfo& row : verb_table()) {
    if (row.word == *word) return &row;
  }
  const bool host_only = std::find(operator_verbs.begin(), operator_verbs.end(), *word) != operator_verbs.end();
  return refuse(host_only ? RefusalCode::operator_verb : RefusalCode::unknown_verb);
}

/// Names never begin with "-", options always do: one token of look-ahead decides.
bool read_name(Tokens& tokens, NameKind kind, Request& request) {
  const auto token = tokens.peek();
  if (!token || token->starts_with("--")) return kind == NameKind::none || kind == NameKind::optional_service;
  if (kind == NameKind::none || !is_name(*token)) return false;
  request.name = *token;
  tokens.next();
  return true;
}

/// @param lowest  smallest option bit that may still come; each option read moves it on, so order and uniqueness are one test.
std::optional<RefusalCode> read_option(Tokens& tokens, const VerbInfo& verb, unsigned& lowest, Request& request) {
  const std::string_view word = *tokens.next();
  const auto* row = std::find_if(options.begin(), options.end(), [&](const OptionInfo& o) { return o.word == word; });
  if (row == options.end() && word != json_word) return RefusalCode::syntax;
  const OptionBit bit = row == options.end() ? option_json : row->bit;
  if ((verb.options & bit) == 0) return RefusalCode::option_not_for_verb;
  if (bit < lowest) return RefusalCode::syntax;
  lowest = static_cast<unsigned>(bit) << 1U;
  if (bit == option_json) {
    request.json = true;
    return {};
  }
  const auto value = tokens.next();
  if (!value || !row->read(*value, request)) return RefusalCode::syntax;
  return {};
}

}  // namespace

tl::expected<Request, RefusalCode> parse_request(std::string_view bytes) {
  if (bytes.empty()) return refuse(RefusalCode::empty);
  if (bytes.size() > max_request) return refuse(RefusalCode::too_long);
  if (!std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == ' ' || is_token_byte(c); })) {
    return refuse(RefusalCode::charset);
  }
  Tokens tokens{bytes};
  if (tokens.next() != "backupctl") return refuse(RefusalCode::syntax);
  const auto verb = read_verb(tokens);
  if (!verb) return refuse(verb.error());

  Request request;
  request.verb = (*verb)->verb;
  if (!read_name(tokens, (*verb)->name, request)) return refuse(RefusalCode::syntax);
  unsigned lowest = option_path;
  while (tokens.peek()) {
    if (const auto refusal = read_option(tokens, **verb, lowest, request)) return refuse(*refusal);
  }
  return request;
}

std::string serialize(const Request& request) {
  std::string out = "backupctl ";
  out += info(request.verb).word;
  if (!request.name.empty()) out += " " + request.name;
  for (const OptionInfo& option : options) {
    if (const auto value = option.write(request)) {
      out += ' ';
      out += option.word;
      out += ' ';
      out += *value;
    }
  }
  if (request.json) {
    out += ' ';
    out += json_word;
  }
  return out;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > max_name || text.front() == '_' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_remote_name(std::string_view text) {
  if (text.empty() || text.size() > max_name || text.front() == '_' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_path_text(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_byte); }

bool is_snapshot_id(std::string_view text) {
  if (text.size() != 15 || text[8] != '-') return false;
  const auto two = [&](std::size_t at) { return text.substr(at, 2); };
  const auto below = [&](std::size_t at, int limit) {  // two digits, less than limit
    const std::string_view t = two(at);
    return is_digit(t[0]) && is_digit(t[1]) && (t[0] - '0') * 10 + (t[1] - '0') < limit;
  };
  const std::string date = fmt::format("{}-{}-{}", text.substr(0, 4), two(4), two(6));
  return parse_date(date).has_value() && below(9, 24) && below(11, 60) && below(13, 60);
}

}  // namespace backupctl
