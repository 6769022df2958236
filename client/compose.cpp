#include "client/compose.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/escape.h"

namespace backupctl::client {
namespace {

/// The verbs that always carry --timeout, the variable it is read from and its default in seconds (wire.md, "The client").
struct TimeoutRow {
  Verb verb;
  const char* variable;
  std::uint32_t seconds;
};
constexpr std::array<TimeoutRow, 5> timeouts = {{
    {Verb::stop, "STOP_TIMEOUT", 120},
    {Verb::start, "START_TIMEOUT", 300},
    {Verb::sync, "SYNC_TIMEOUT", 3600},
    {Verb::archive, "ARCHIVE_TIMEOUT", 3600},
    {Verb::sync_extra, "SYNC_TIMEOUT", 3600},
}};

/// A value and where it came from, which decides the exit code and names the culprit.
struct Value {
  std::string_view text;
  std::string_view source;
  Exit exit = Exit::bad_config;
};

Value choose(const std::optional<std::string>& option, std::string_view word, const Environment& environment,
             const char* variable) {
  if (option) return {*option, word, Exit::not_a_request};
  return {variable == nullptr ? std::string_view{} : environment(variable), variable == nullptr ? word : variable,
          Exit::bad_config};
}

bool given(const Value& value) { return !value.text.empty() || value.exit == Exit::not_a_request; }

tl::unexpected<Error> bad(const Value& value, std::string_view wanted) {
  return fail(value.exit, "{} \"{}\" is not {}, so nothing was sent: correct it", value.source, escape_line(value.text, 100),
              wanted);
}

Result<std::optional<std::uint32_t>> number(const Value& value, std::uint32_t least) {
  if (!given(value)) return std::nullopt;
  std::uint32_t parsed = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [stop, code] = std::from_chars(value.text.data(), end, parsed);
  const bool leading_zero = value.text.size() > 1 && value.text[0] == '0';
  if (code != std::errc{} || stop != end || leading_zero || parsed < least || parsed > 999999)
    return bad(value, least == 0 ? "a number from 0 to 999999" : "a number of seconds from 1 to 999999");
  return parsed;
}

Result<std::optional<std::uint32_t>> timeout_of(Verb verb, const CommandLine& line, const Environment& environment) {
  const auto row = std::ranges::find(timeouts, verb, &TimeoutRow::verb);
  const bool always = row != timeouts.end();
  auto seconds = number(choose(line.timeout, "--timeout", environment, always ? row->variable : nullptr), 1);
  if (seconds && !*seconds && always) return row->seconds;
  return seconds;
}

Result<std::optional<RemoteAssertion>> remote_of(const CommandLine& line, const Environment& environment) {
  RemoteAssertion remote{"onedrive", "/OdroidBackup"};
  Value name{environment("ONEDRIVE_REMOTE"), "ONEDRIVE_REMOTE"};
  Value folder{environment("ONEDRIVE_FOLDER"), "ONEDRIVE_FOLDER"};
  if (line.remote) {
    const std::size_t colon = line.remote->find(':');
    const std::string_view text = *line.remote;
    if (colon == std::string::npos) return bad({text, "--remote", Exit::not_a_request}, "of the form REMOTE:FOLDER");
    name = {text.substr(0, colon), "the remote of --remote", Exit::not_a_request};
    folder = {text.substr(colon + 1), "the folder of --remote", Exit::not_a_request};
  }
  if (!given(name) && !given(folder)) return std::nullopt;
  if (given(name)) remote.remote = name.text;
  if (given(folder)) remote.folder = folder.text;
  if (!is_remote_name(remote.remote)) return bad(name, "a remote's name (letters, digits, - and _)");
  if (!is_path_text(remote.folder)) return bad(folder, "a folder of letters, digits and . _ - / @ + = , :");
  return remote;
}

Result<std::optional<std::string>> path_of(const CommandLine& line, const Environment& environment) {
  const Value value = choose(line.path, "--path", environment, "BACKUP_DATA_ROOT");
  if (!given(value)) return std::nullopt;
  if (!value.text.starts_with('/') || !is_path_text(value.text))
    return bad(value, "an absolute path of letters, digits and . _ - / @ + = , :");
  if (line.path) return line.path;
  std::string_view root = value.text;
  while (root.ends_with('/')) root.remove_suffix(1);
  return fmt::format("{}/{}/data", root, line.name);
}

/// The explicit options that a verb does not take: the first one's word, or nothing.
std::string_view stray_option(std::uint8_t taken, const CommandLine& line) {
  const struct {
    OptionBit bit;
    bool present;
    std::string_view word;
  } given_options[] = {
      {option_path, line.path.has_value(), "--path"},
      {option_remote, line.remote.has_value(), "--remote"},
      {option_keep_weekly, line.keep_weekly.has_value(), "--keep-weekly"},
      {option_keep_monthly, line.keep_monthly.has_value(), "--keep-monthly"},
      {option_timeout, line.timeout.has_value(), "--timeout"},
      {option_snapshot_id, line.snapshot_id.has_value(), "--snapshot-id"},
      {option_json, line.json, "--json"},
  };
  for (const auto& option : given_options)
    if (option.present && (taken & option.bit) == 0) return option.word;
  return {};
}

/// --run's own options: what its four steps take, without --timeout, which each step has its own variable for.
constexpr std::uint8_t run_options = option_path | option_remote | option_keep_weekly | option_keep_monthly | option_json;

Result<> check_names(const VerbInfo& verb, const CommandLine& line) {
  const std::string_view word = line.run ? "--run" : verb.word;
  if (const auto stray = stray_option(line.run ? run_options : verb.options, line); !stray.empty())
    return fail(Exit::not_a_request, "{} does not take {}, so nothing was sent", word, stray);
  if (line.name.empty() && verb.name != NameKind::none && verb.name != NameKind::optional_service)
    return fail(Exit::not_a_request, "{} needs a name, so nothing was sent", word);
  if (!line.name.empty() && !is_name(line.name))
    return bad({line.name, fmt::format("{}'s name", word), Exit::not_a_request},
               "1 to 64 of a-z 0-9 _ -, first a letter or digit");
  return {};
}

}  // namespace

Result<Request> compose(Verb verb, const CommandLine& line, const Environment& environment) {
  const VerbInfo& row = info(verb);
  const auto takes = [&](OptionBit bit) { return (row.options & bit) != 0; };
  if (auto checked = check_names(row, line); !checked) return pass(checked.error());
  Request request;
  request.verb = verb;
  request.name = line.name;
  request.json = line.json && takes(option_json);
  if (takes(option_path)) {
    auto path = path_of(line, environment);
    if (!path) return pass(path.error());
    request.path = *path;
  }
  if (takes(option_remote)) {
    auto remote = remote_of(line, environment);
    if (!remote) return pass(remote.error());
    request.remote = *remote;
  }
  if (takes(option_keep_weekly)) {
    auto keep = number(choose(line.keep_weekly, "--keep-weekly", environment, "KEEP_WEEKLY"), 0);
    if (!keep) return pass(keep.error());
    request.keep_weekly = *keep;
  }
  if (takes(option_keep_monthly)) {
    auto keep = number(choose(line.keep_monthly, "--keep-monthly", environment, "KEEP_MONTHLY"), 0);
    if (!keep) return pass(keep.error());
    request.keep_monthly = *keep;
  }
  if (takes(option_timeout)) {
    auto timeout = timeout_of(verb, line, environment);
    if (!timeout) return pass(timeout.error());
    request.timeout = *timeout;
  }
  if (takes(option_snapshot_id) && line.snapshot_id) {
    if (!is_snapshot_id(*line.snapshot_id))
      return bad({*line.snapshot_id, "--snapshot-id", Exit::not_a_request}, "a date and time YYYYMMDD-HHMMSS");
    request.snapshot_id = line.snapshot_id;
  }
  // The gate's own grammar has the last word before anything leaves this machine.
  if (const auto parsed = parse_request(serialize(request)); !parsed || *parsed != request)
    return fail(Exit::not_a_request, "the request is longer than {} bytes or no request at all, so nothing was sent",
                max_request);
  return request;
}

}  // namespace backupctl::client
