#include "policy/sections.h"

namespace backupctl::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint32_t most = 999'999;  // as in the grammar of requests: six digits

/// The sandbox maps trees into the uids and gids 0x70000000 to 0xDFFF0000 of its user namespaces; a worker among them would
/// be the owner of files it must not touch (X3). Below 65,536 live accounts of people and packages.
constexpr std::uint32_t first_free_uid = 65'536;
constexpr std::uint32_t mapped_from = 0x70000000;
constexpr std::uint32_t mapped_until = 0xDFFF0000;
constexpr std::uint32_t last_uid = 0xFFFFFFFE;  // (uid_t)-1 is "no change" in setresuid(2)
constexpr std::uint32_t worker_count = 256;

Timeouts read_timeouts(Table table, Timeouts timeouts) {
  const std::pair<std::string_view, Seconds*> verbs[] = {
      {"stop", &timeouts.stop},     {"start", &timeouts.start},   {"sync", &timeouts.sync},     {"archive", &timeouts.archive},
      {"backup", &timeouts.backup}, {"verify", &timeouts.verify}, {"export", &timeouts.export_}};
  for (const auto& [key, value] : verbs) *value = table.duration(key).value_or(*value);
  table.reject_others();
  return timeouts;
}

}  // namespace

Gate read_gate(Table table) {
  Gate gate;
  gate.state_dir = table.text("state_dir", form::absolute_path).value_or("/var/lib/backupctl");
  gate.rclone_config = table.text("rclone_config", form::absolute_path).value_or("/etc/backupctl/rclone.conf");
  gate.worker_uids = table.number("worker_uids", first_free_uid, last_uid - worker_count + 1).value_or(1'878'982'656);
  gate.slots = table.number("slots", 1, 64).value_or(1);
  gate.lock_wait = table.duration("lock_wait", Seconds{0}).value_or(minutes{10});
  gate.timezone = table.text("timezone", form::time_zone).value_or("host");
  gate.timeouts = {minutes{10}, minutes{10}, hours{6}, hours{6}, hours{12}, hours{6}, hours{6}};
  if (auto timeouts = table.table("timeouts")) gate.timeouts = read_timeouts(*timeouts, gate.timeouts);
  if (gate.worker_uids + worker_count > mapped_from && gate.worker_uids <= mapped_until)
    table.error("worker_uids",
                fmt::format("{} to {} lie in 1879048192 to 3758030848, which the sandbox uses for the owners of files",
                            gate.worker_uids, gate.worker_uids + worker_count - 1));
  table.reject_others();
  return gate;
}

Retention RetentionRules::resolve() const {
  Retention retention{keep, keep_last, max_delete, {}};
  retention.floors.weekly = floor_weekly.value_or(keep.weekly);
  retention.floors.monthly = floor_monthly.value_or(keep.monthly);
  return retention;
}

RetentionRules read_retention(Table table, RetentionRules rules) {
  rules.keep.daily = table.number("daily", 0, most).value_or(rules.keep.daily);
  rules.keep.weekly = table.number("weekly", 0, most).value_or(rules.keep.weekly);
  rules.keep.monthly = table.number("monthly", 0, most).value_or(rules.keep.monthly);
  rules.keep_last = table.number("keep_last", 0, most).value_or(rules.keep_last);
  rules.max_delete = table.number("max_delete", 0, most).value_or(rules.max_delete);
  std::string_view floors_at = "weekly";
  if (auto floors = table.table("floors")) {
    floors_at = "floors";
    if (const auto weekly = floors->number("weekly", 0, most)) rules.floor_weekly = weekly;
    if (const auto monthly = floors->number("monthly", 0, most)) rules.floor_monthly = monthly;
    floors->reject_others();
  }
  if (rules.keep == Keep{}) table.error("daily", "daily, weekly and monthly are all 0, which would keep nothing");
  const auto check = [&](std::string_view key, std::uint32_t floor, std::uint32_t keep) {
    if (floor > keep)
      table.error(table.has("floors") ? floors_at : key,
                  fmt::format("the floor {} = {} is more than the {} that {} keeps", key, floor, keep, key));
  };
  check("weekly", rules.floor_weekly.value_or(0), rules.keep.weekly);
  check("monthly", rules.floor_monthly.value_or(0), rules.keep.monthly);
  table.reject_others();
  return rules;
}

Guard default_guard() {
  Guard guard;
  guard.max_delete_files = {50, true};
  guard.mirror_history = hours{24 * 30};
  guard.min_size = 1;
  guard.max_shrink = {80, true};
  guard.max_down = hours{2};
  guard.idle_down = minutes{5};
  guard.min_up = minutes{1};
  guard.max_down_per_day = hours{6};
  return guard;
}

Guard read_guard(Table table, Guard guard) {
  guard.max_delete_files = table.limit("max_delete_files").value_or(guard.max_delete_files);
  guard.mirror_history = table.duration("mirror_history", Seconds{0}).value_or(guard.mirror_history);
  guard.min_size = table.bytes("min_size").value_or(guard.min_size);
  guard.max_shrink = table.limit("max_shrink").value_or(guard.max_shrink);
  guard.max_down = table.duration("max_down").value_or(guard.max_down);
  guard.idle_down = table.duration("idle_down").value_or(guard.idle_down);
  guard.min_up = table.duration("min_up", Seconds{0}).value_or(guard.min_up);
  guard.max_down_per_day = table.duration("max_down_per_day").value_or(guard.max_down_per_day);
  if (!guard.max_shrink.percent) table.error("max_shrink", "must be a share such as \"80%\"");
  table.reject_others();
  return guard;
}

}  // namespace backupctl::policy
