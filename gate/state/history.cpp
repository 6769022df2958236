#include "gate/state/history.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>

#include "common/io.h"

namespace backupctl::state {
namespace {

std::string date_or_dash(const std::optional<CivilDate>& date) { return date ? format_date(*date) : "-"; }

}  // namespace

Result<History> read_history(const StateDir& state, const std::string& service) {
  UniqueFd fd = open_beneath(state.fd(), "history/" + service, O_RDONLY);
  if (!fd && errno == ENOENT) return History{};
  const auto damaged = [&] {
    return fail(Exit::io_error, "{} is damaged, so nothing is deleted; remove it to begin anew",
                state.at("history/" + service));
  };
  const auto text = fd ? read_all(fd.get(), 256) : Result<std::string>(damaged());
  // "2026-06-28 2026-06-28 3\n": newest committed, day of deletions, how many; "-" for no date.
  if (!text || text->empty() || text->back() != '\n') return damaged();
  const std::size_t first = text->find(' ');
  const std::size_t second = first == std::string::npos ? first : text->find(' ', first + 1);
  if (second == std::string::npos) return damaged();
  const std::string_view view = *text;
  History history;
  history.newest_committed = parse_date(view.substr(0, first));
  history.deleted_on = parse_date(view.substr(first + 1, second - first - 1));
  const std::string_view number = view.substr(second + 1, view.size() - second - 2);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), history.deleted);
  if (error != std::errc{} || end != number.data() + number.size()) return damaged();
  return history;
}

Result<> write_history(const StateDir& state, const std::string& service, const History& history) {
  return write_file_durably(
      state.at("history/" + service),
      fmt::format("{} {} {}\n", date_or_dash(history.newest_committed), date_or_dash(history.deleted_on), history.deleted),
      0600);
}

// `history/<service>.mirror`: no service has a dot in its name.
std::int64_t last_mirrored(const StateDir& state, const std::string& service) {
  const UniqueFd fd = open_beneath(state.fd(), "history/" + service + ".mirror", O_RDONLY);
  const auto text = fd ? read_all(fd.get(), 64) : Result<std::string>("");
  std::int64_t when = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), when);
  return when;
}

Result<> note_mirrored(const StateDir& state, const std::string& service, std::int64_t when) {
  return write_file_durably(state.at("history/" + service + ".mirror"), fmt::format("{}\n", when), 0600);
}

}  // namespace backupctl::state
