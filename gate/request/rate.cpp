#include "gate/request/rate.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"

namespace backupctl::request {

Result<Rate> Rate::open(const state::StateDir& state, const policy::Policy& policy, const std::string& client) {
  Rate rate;
  const auto found = policy.clients.find(client);
  rate.limit_ = found == policy.clients.end() ? 0 : found->second.per_hour.value_or(0);
  if (rate.limit_ == 0) return rate;
  const auto failed = [] {
    return fail_errno(Exit::io_error, errno, "the client's requests of the last hour cannot be counted, so nothing was done");
  };
  rate.fd_ = open_beneath(state.fd(), "clients/" + client, O_RDWR | O_CREAT, 0600);
  if (!rate.fd_ || ::flock(rate.fd_.get(), LOCK_EX) != 0) return failed();
  rate.times_.resize(rate.limit_);
  const ssize_t n = ::pread(rate.fd_.get(), rate.times_.data(), rate.limit_ * sizeof(std::int64_t), 0);
  if (n < 0) return failed();
  rate.times_.resize(static_cast<std::size_t>(n) / sizeof(std::int64_t));
  const std::int64_t now = ::time(nullptr);
  std::erase_if(rate.times_, [now](std::int64_t at) { return at <= now - 3600 || at > now; });
  return rate;
}

Result<> Rate::count() {
  if (limit_ == 0) return {};
  times_.push_back(::time(nullptr));
  if (times_.size() > limit_) times_.erase(times_.begin());
  const std::size_t size = times_.size() * sizeof(std::int64_t);
  const ssize_t n = ::pwrite(fd_.get(), times_.data(), size, 0);
  // Cut last: what a crash leaves behind the newest counts once more, never less.
  if (n != static_cast<ssize_t>(size) || ::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
    return fail_errno(Exit::io_error, n >= 0 ? ENOSPC : errno,
                      "the client's requests of the last hour cannot be counted, so nothing was done");
  return {};
}

}  // namespace backupctl::request
