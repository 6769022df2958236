#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "common/exit_code.h"

namespace backupctl {

/// The verbs a client can ask for (wire.md, "The request"). The order is that of the grammar.
enum class Verb : std::uint8_t {
  stop,
  start,
  sync,
  archive,
  sync_extra,
  snapshot,
  backup,
  verify,
  export_,
  status,
  list,
  version,
};
inline constexpr std::size_t verb_count = 12;

/// Which name a verb takes.
enum class NameKind : std::uint8_t { none, service, target, optional_service };

/// One bit per option, in the grammar's order; a verb's table row says which it takes.
enum OptionBit : std::uint8_t {
  option_path = 1,
  option_remote = 2,
  option_keep_weekly = 4,
  option_keep_monthly = 8,
  option_timeout = 16,
  option_snapshot_id = 32,
  option_offset = 64,
  option_json = 128,
};

/// One row of the verb table: all that the grammar knows of a verb.
struct VerbInfo {
  Verb verb;
  std::string_view word;  ///< as sent, "--stop"
  NameKind name;
  std::uint8_t options;  ///< OptionBits it takes
};
/// All verbs, in the enum's order.
std::span<const VerbInfo> verb_table();
const VerbInfo& info(Verb verb);

/// `--remote REMOTE:FOLDER`, an assertion that must equal the policy's own.
struct RemoteAssertion {
  std::string remote;
  std::string folder;
  bool operator==(const RemoteAssertion&) const = default;
};

/// One request, as parsed. A value: what parses re-serializes to the same bytes.
struct Request {
  Verb verb = Verb::version;
  std::string name = {};                 ///< service or target; empty: none given
  std::optional<std::string> path = {};  ///< assertion, absolute
  std::optional<RemoteAssertion> remote = {};
  std::optional<std::uint32_t> keep_weekly = {};
  std::optional<std::uint32_t> keep_monthly = {};
  std::optional<std::uint32_t> timeout = {};    ///< seconds
  std::optional<std::string> snapshot_id = {};  ///< YYYYMMDD-HHMMSS
  std::optional<std::uint64_t> offset = {};     ///< bytes of that snapshot's tar that the client has; with snapshot_id alone
  bool json = false;
  bool operator==(const Request&) const = default;
};

/// Why a request is refused (wire.md, "Refusals and exit codes").
enum class RefusalCode : std::uint8_t {
  empty,
  too_long,
  charset,
  syntax,
  unknown_verb,
  option_not_for_verb,  // exit 64
  operator_verb,
  unknown_name,
  not_allowed,
  verb_not_for_source,
  path_mismatch,  // exit 77
  remote_mismatch,
  below_floor,
  above_ceiling,
  too_often,
  outside_hours,
};
inline constexpr std::size_t refusal_count = 16;

/// One row of the refusal table.
struct RefusalInfo {
  RefusalCode code;
  std::string_view word;  ///< as printed between the brackets
  Exit exit;
  std::string_view sentence;  ///< what the client reads; never what would have been accepted
};
const RefusalInfo& info(RefusalCode code);

/// Longest request, in bytes.
inline constexpr std::size_t max_request = 1024;
/// Longest service, target, client or remote name, in bytes.
inline constexpr std::size_t max_name = 64;

/// Parses one request. Total: any bytes give a Request or a refusal (of exit 64, or operator_verb), never anything else.
///
/// When several codes apply, this order decides, and nothing else does (tests/attack/requests.txt has lines for each):
///  1. empty: no bytes at all.
///  2. too_long: more than max_request bytes, whatever they are.
///  3. charset: a byte, anywhere, that no token can contain and that is not SP.
///  4. Then the line is read from left to right and the first token that cannot stand where it stands gives the code;
///     what follows it is not looked at. Two SP, an SP in front or at the end make an empty token, which stands nowhere.
///     - first: not "backupctl": syntax.
///     - second: missing or not beginning with "--": syntax; a host-only verb: operator_verb, with anything behind it; any
///       other word that is no verb (abbreviations, --verb=x, an option's word): unknown_verb.
///     - name: missing where the verb requires one, present where it takes none, or no name: syntax.
///     - option: a word that is no option (abbreviations, --opt=value, a second verb): syntax; an option that this verb
///       does not take, with or without value: option_not_for_verb; a duplicate or one out of order: syntax; a value that
///       is missing or malformed: syntax; --offset without --snapshot-id: syntax.
/// Codes of the policy (unknown_name and what follows it in the enum) come after all of these.
tl::expected<Request, RefusalCode> parse_request(std::string_view bytes);

/// The request's one spelling: parse_request(serialize(r)) == r for each valid r.
std::string serialize(const Request& request);

/// 1 to 64 of a-z 0-9 _ -, first a letter or digit (services, targets, clients, controllers).
bool is_name(std::string_view text);
/// 1 to 64 of A-Z a-z 0-9 _ -, first a letter or digit (rclone remotes).
bool is_remote_name(std::string_view text);
/// One or more of A-Z a-z 0-9 . _ - / @ + = , :
bool is_path_text(std::string_view text);
/// A date and time YYYYMMDD-HHMMSS that exists.
bool is_snapshot_id(std::string_view text);

}  // namespace backupctl
