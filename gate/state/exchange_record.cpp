#include "gate/state/exchange_record.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "common/io.h"
#include "common/request.h"
#include "common/sha256.h"

namespace backupctl::state {
namespace {

constexpr std::string_view version_word = "backupctl-restore 2";
constexpr std::string_view one_area_word = "backupctl-restore 1";  ///< before there were volumes; old files may be kept by one
constexpr std::string_view phases[] = {"moving", "unproven", "kept", "undoing"};
constexpr std::size_t max_size = std::size_t{64} << 20;  ///< of a mount point with a million names

std::string file_of(const std::string& service) { return "restores/" + service; }

void put(std::string& text, std::string_view value) { text.append(value).push_back('\0'); }

/// The fields one after the other; empty ones when there are no more.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}
  std::string_view next() {
    const std::size_t end = text_.find('\0');
    const std::string_view field = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    return field;
  }
  std::uint64_t number() {
    const std::string_view field = next();
    std::uint64_t value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    return value;
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

}  // namespace

std::string serialize(const Exchange& exchange) {
  std::string text;
  put(text, version_word);
  put(text, phases[static_cast<std::size_t>(exchange.phase)]);
  put(text, exchange.service);
  put(text, exchange.backup);
  put(text, std::to_string(exchange.made));
  put(text, std::to_string(exchange.units.size()));
  for (const std::string& unit : exchange.units) put(text, unit);
  for (const Exchange::Area& area : exchange.areas) {
    put(text, area.base);
    put(text, area.stage);
    put(text, area.entries ? "entries" : "whole");
    put(text, std::to_string(area.slots.size()));
    for (const Exchange::Slot& slot : area.slots) {
      put(text, slot.place);
      put(text, slot.staged);
      put(text, std::to_string(slot.inode));
      put(text, std::to_string(slot.old));
    }
  }
  return to_hex(sha256(text)) + text;
}

std::optional<Exchange> parse_exchange(std::string_view bytes) {
  constexpr std::size_t digest_size = 64;
  if (bytes.size() < digest_size || to_hex(sha256(bytes.substr(digest_size))) != bytes.substr(0, digest_size))
    return std::nullopt;
  Fields fields(bytes.substr(digest_size));
  const std::string_view version = fields.next();
  if (version != version_word && version != one_area_word) return std::nullopt;
  Exchange exchange;
  const auto* phase = std::find(std::begin(phases), std::end(phases), fields.next());
  if (phase == std::end(phases)) return std::nullopt;
  exchange.phase = static_cast<Exchange::Phase>(phase - std::begin(phases));
  exchange.service = fields.next();
  exchange.backup = fields.next();
  exchange.made = static_cast<std::int64_t>(fields.number());
  const auto where = [&](Exchange::Area& area) {
    area.base = fields.next();
    area.stage = fields.next();
    area.entries = fields.next() == "entries";
  };
  const auto slots = [&](Exchange::Area& area, std::uint64_t most) {
    for (; most > 0 && !fields.empty(); --most) {
      Exchange::Slot& slot = area.slots.emplace_back();
      slot.place = fields.next();
      slot.staged = fields.next();
      slot.inode = fields.number();
      slot.old = fields.number();
    }
  };
  Exchange::Area only;
  if (version == one_area_word) where(only);
  for (auto left = fields.number(); left > 0 && !fields.empty(); --left) exchange.units.emplace_back(fields.next());
  if (version == one_area_word) {
    slots(only, UINT64_MAX);
    exchange.areas.push_back(std::move(only));
  }
  while (!fields.empty()) {
    Exchange::Area& area = exchange.areas.emplace_back();
    where(area);
    slots(area, fields.number());
  }
  return exchange;
}

Result<std::optional<Exchange>> read_exchange(const StateDir& state, const std::string& service) {
  const UniqueFd fd = open_beneath(state.fd(), file_of(service), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && errno == ENOENT) return std::optional<Exchange>{};
  const auto text = fd ? read_all(fd.get(), max_size) : fail_errno(Exit::io_error, errno, "cannot open it");
  auto exchange = text ? parse_exchange(*text) : std::nullopt;
  if (exchange && exchange->service == service) return exchange;
  return fail(Exit::io_error,
              "the record of {}'s restore, {}, cannot be read or is damaged, so the service is neither started nor read: see "
              "that its tree is whole "
              "(what was replaced lies in its staging directory), then delete that file",
              service, state.at(file_of(service)));
}

Result<> write_exchange(const StateDir& state, const Exchange& exchange) {
  const std::string text = serialize(exchange);
  if (text.size() > max_size)
    return fail(Exit::io_error, "the restore of {} has too many names for one record; restore it with --to and move it by hand",
                exchange.service);
  return write_file_durably(state.at(file_of(exchange.service)), text, 0600);
}

Result<> remove_exchange(const StateDir& state, const std::string& service) {
  const UniqueFd folder = open_beneath(state.fd(), "restores", O_RDONLY | O_DIRECTORY);
  if (!folder || (::unlinkat(folder.get(), service.c_str(), 0) != 0 && errno != ENOENT) || ::fsync(folder.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot remove {}", state.at(file_of(service)));
  return {};
}

std::vector<std::string> list_exchanges(const StateDir& state) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(
      ::fdopendir(open_beneath(state.fd(), "restores", O_RDONLY | O_DIRECTORY).release()), ::closedir);
  std::vector<std::string> services;
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (is_name(entry->d_name)) services.emplace_back(entry->d_name);
  return services;
}

}  // namespace backupctl::state
