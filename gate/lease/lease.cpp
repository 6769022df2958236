#include "gate/lease/lease.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "common/io.h"
#include "common/request.h"
#include "common/sha256.h"

namespace backupctl::lease {
namespace {

constexpr std::string_view version_line = "backupctl-lease 1\n";

void put(std::string& text, std::string_view key, std::string_view value) {
  text.append(key).append(" ").append(value).append("\n");
}

/// Takes the value of the next line if it has this key.
std::optional<std::string_view> take(std::string_view& text, std::string_view key) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || end <= key.size() || !text.starts_with(key) || text[key.size()] != ' ')
    return std::nullopt;
  const std::string_view value = text.substr(key.size() + 1, end - key.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

void take_text(std::string_view& text, std::string_view key, std::string& value) {
  if (const auto taken = take(text, key)) value = *taken;
}

void take_number(std::string_view& text, std::string_view key, std::int64_t& value) {
  if (const auto taken = take(text, key)) std::from_chars(taken->data(), taken->data() + taken->size(), value);
}

void take_all(std::string_view& text, std::string_view key, std::vector<std::string>& values) {
  while (const auto taken = take(text, key)) values.emplace_back(*taken);
}

/// The controller knows its units by itself, so that it can be asked without the policy.
void name_units(Lease& lease) { lease.controller = service::narrowed(std::move(lease.controller), lease.units); }

tl::unexpected<Error> damaged(std::string_view why) { return fail(Exit::bad_data, "{}", why); }

}  // namespace

std::int64_t boot_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

Result<std::string> boot_id() {
  const UniqueFd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  auto text = file ? read_all(file.get(), 64) : fail_errno(Exit::io_error, errno, "cannot read the boot's id");
  if (!text) return pass(std::move(text.error()));
  return text->substr(0, text->find('\n'));
}

bool is_due(const Lease& lease, const std::string& this_boot) {
  return lease.boot_id != this_boot || boot_clock() >= lease.deadline;
}

Result<Lease> make(std::string_view service, std::string_view client, const policy::Controller& controller,
                   const service::Names& units, policy::Seconds max_down, policy::Seconds idle_down) {
  Lease lease;
  lease.service = service;
  lease.client = client;
  lease.created = std::time(nullptr);
  lease.deadline = boot_clock() + max_down.count() * 1'000'000'000;
  lease.idle = idle_down.count();
  auto boot = boot_id();
  if (!boot) return pass(std::move(boot.error()));
  lease.boot_id = std::move(*boot);
  lease.controller.name = controller.name;
  lease.controller.kind = controller.kind;
  lease.controller.user = controller.user;
  lease.controller.engine = controller.engine;
  lease.controller.grace = controller.grace;
  lease.controller.start = controller.start;
  lease.controller.stop = controller.stop;
  lease.controller.status = controller.status;
  lease.units = units;
  name_units(lease);
  // What could not be read back must not be the reason to stop anything.
  const auto back = parse(serialize(lease));
  if (!back || back->controller.start != controller.start || back->controller.stop != controller.stop ||
      back->controller.status != controller.status || back->units != units)
    return fail(Exit::bad_config,
                "what starts {} again cannot be recorded, so it is not stopped: see the arguments of controller {}", service,
                controller.name);
  return lease;
}

void add_units(Lease& lease, const service::Names& running) {
  for (const std::string& unit : running)
    if (std::find(lease.units.begin(), lease.units.end(), unit) == lease.units.end()) lease.units.push_back(unit);
  name_units(lease);
}

std::string serialize(const Lease& lease) {
  std::string text(version_line);
  put(text, "service", lease.service);
  put(text, "client", lease.client);
  put(text, "created", std::to_string(lease.created));
  put(text, "boot", lease.boot_id);
  put(text, "deadline", std::to_string(lease.deadline));
  put(text, "idle", std::to_string(lease.idle));
  put(text, "controller", lease.controller.name);
  put(text, "kind", service::word(lease.controller.kind));
  put(text, "user", lease.controller.user);
  if (!lease.controller.engine.empty()) put(text, "engine", lease.controller.engine);
  put(text, "grace", std::to_string(lease.controller.grace.count()));
  for (const std::string& argument : lease.controller.start) put(text, "start", argument);
  for (const std::string& argument : lease.controller.stop) put(text, "stop", argument);
  for (const std::string& argument : lease.controller.status) put(text, "status", argument);
  for (const std::string& unit : lease.units) put(text, "unit", unit);
  put(text, "sha256", to_hex(sha256(text)));
  return text;
}

Result<Lease> parse(std::string_view bytes) {
  if (bytes.size() > max_size) return damaged("it is too long");
  if (!bytes.starts_with(version_line)) return damaged("it is cut off, or of another version of backupctl");
  std::string_view text = bytes;
  text.remove_prefix(version_line.size());
  Lease lease;
  take_text(text, "service", lease.service);
  take_text(text, "client", lease.client);
  take_number(text, "created", lease.created);
  take_text(text, "boot", lease.boot_id);
  take_number(text, "deadline", lease.deadline);
  take_number(text, "idle", lease.idle);
  take_text(text, "controller", lease.controller.name);
  const auto kind = service::kind_of(take(text, "kind").value_or(""));
  if (!kind) return damaged("its kind of controller is not known");
  lease.controller.kind = *kind;
  take_text(text, "user", lease.controller.user);
  take_text(text, "engine", lease.controller.engine);
  std::int64_t grace = 0;
  take_number(text, "grace", grace);
  lease.controller.grace = policy::Seconds(grace);
  take_all(text, "start", lease.controller.start);
  take_all(text, "stop", lease.controller.stop);
  take_all(text, "status", lease.controller.status);
  take_all(text, "unit", lease.units);
  name_units(lease);
  const bool plain = std::none_of(bytes.begin(), bytes.end(),
                                  [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; });
  // Only the one spelling is accepted, checksum included: changed, missing, foreign, doubled or reordered lines do not come
  // back the same.
  if (!plain || !is_name(lease.service) || lease.units.empty() || serialize(lease) != bytes)
    return damaged("it is cut off or was changed");
  return lease;
}

}  // namespace backupctl::lease
