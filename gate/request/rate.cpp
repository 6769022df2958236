#include "gate/request/rate.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "common/io.h"

namespace backupctl::request {
namespace {

std::uint32_t limit_of(const policy::Policy& policy, const std::string& client) {
  const auto found = policy.clients.find(client);
  return found == policy.clients.end() ? 0 : found->second.per_hour.value_or(0);
}

/// The client's instants (CLOCK_REALTIME seconds) of the last hour, newest last; the file stays open and locked.
struct Instants {
  UniqueFd fd;
  std::vector<std::int64_t> times;
};

Instants read_instants(const state::StateDir& state, const std::string& client, std::uint32_t limit) {
  Instants found;
  found.fd = open_beneath(state.fd(), "clients/" + client, O_RDWR | O_CREAT, 0600);
  if (!found.fd || ::flock(found.fd.get(), LOCK_EX) != 0) return found;
  found.times.resize(limit);
  const ssize_t n = ::pread(found.fd.get(), found.times.data(), limit * sizeof(std::int64_t), 0);
  found.times.resize(n > 0 ? static_cast<std::size_t>(n) / sizeof(std::int64_t) : 0);
  const std::int64_t now = ::time(nullptr);
  std::erase_if(found.times, [now](std::int64_t at) { return at <= now - 3600 || at > now; });
  return found;
}

}  // namespace

std::uint32_t requests_last_hour(const state::StateDir& state, const policy::Policy& policy, const std::string& client) {
  const std::uint32_t limit = limit_of(policy, client);
  return limit == 0 ? 0 : static_cast<std::uint32_t>(read_instants(state, client, limit).times.size());
}

void count_request(const state::StateDir& state, const policy::Policy& policy, const std::string& client) {
  const std::uint32_t limit = limit_of(policy, client);
  if (limit == 0) return;
  Instants found = read_instants(state, client, limit);
  if (!found.fd) return;
  found.times.push_back(::time(nullptr));
  if (found.times.size() > limit) found.times.erase(found.times.begin());
  const std::size_t size = found.times.size() * sizeof(std::int64_t);
  if (::pwrite(found.fd.get(), found.times.data(), size, 0) == static_cast<ssize_t>(size))
    [[maybe_unused]] const int cut = ::ftruncate(found.fd.get(), static_cast<off_t>(size));
}

}  // namespace backupctl::request
