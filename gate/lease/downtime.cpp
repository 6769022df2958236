#include "gate/lease/downtime.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <sstream>

#include "common/civil_date.h"
#include "common/io.h"

namespace backupctl::lease {
namespace {

std::string file_of(const std::string& service) { return "history/" + service + ".down"; }

std::string today() {
  return format_date(
      CivilDate{std::chrono::floor<std::chrono::days>(std::chrono::system_clock::from_time_t(std::time(nullptr)))});
}

}  // namespace

Downtime read_downtime(const state::StateDir& state, const std::string& service) {
  const UniqueFd fd = open_beneath(state.fd(), file_of(service), O_RDONLY);
  const auto text = fd ? read_all(fd.get(), 256) : Result<std::string>(std::string());
  Downtime downtime;
  std::istringstream words(text.value_or(""));
  if (!(words >> downtime.boot_id >> downtime.started >> downtime.day >> downtime.seconds)) return {};
  return downtime;
}

void note_started(const state::StateDir& state, const Lease& lease) {
  const auto boot = boot_id();
  Downtime downtime = read_downtime(state, lease.service);
  const std::string day = today();
  if (downtime.day != day) downtime.day = day, downtime.seconds = 0;
  // A clock that was set back meanwhile gives no figure.
  downtime.seconds += std::max<std::int64_t>(0, std::time(nullptr) - lease.created);
  static_cast<void>(
      write_file_durably(state.at(file_of(lease.service)),
                         fmt::format("{} {} {} {}\n", boot.value_or("-"), boot_clock(), downtime.day, downtime.seconds), 0600));
}

std::optional<policy::Seconds> allowance(const Downtime& downtime, const policy::Guard& guard, const std::string& this_boot) {
  const std::int64_t up = boot_clock() - downtime.started;
  if (downtime.boot_id == this_boot && up < guard.min_up.count() * 1'000'000'000) return std::nullopt;
  const policy::Seconds used(downtime.day == today() ? downtime.seconds : 0);
  if (used >= guard.max_down_per_day) return std::nullopt;
  return std::min(guard.max_down, guard.max_down_per_day - used);
}

}  // namespace backupctl::lease
