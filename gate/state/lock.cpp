#include "gate/state/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

#include "common/io.h"

namespace backupctl::state {
namespace {

constexpr auto retry_every = std::chrono::milliseconds(100);

/// The process that the lock file names; 0 when it names none.
pid_t holder(const StateDir& state, const std::string& name) {
  UniqueFd fd = open_beneath(state.fd(), "locks/" + name, O_RDONLY);
  char text[32];
  const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : -1;
  pid_t pid = 0;
  if (n > 0) std::from_chars(text, text + n, pid);
  return pid;
}

/// Sends a signal to the process `pid` if it holds the lock. A pidfd is opened first and the lock's owner read again, so that a
/// number that was given to another process meanwhile is never signalled.
/// @return whether it was sent
bool signal_holder(const StateDir& state, const std::string& name, pid_t pid, int number) {
  if (pid <= 1) return false;
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd || holder(state, name) != pid) return false;
  if (auto free = Lock::try_take(state, name); free && free->has_value()) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0;
}

/// Whether nobody holds the lock at this moment.
Result<bool> is_free(const StateDir& state, const std::string& name) {
  if (name.empty()) return true;
  const auto lock = Lock::try_take(state, name);
  if (!lock) return pass(lock.error());
  return lock->has_value();
}

}  // namespace

Result<std::optional<Lock>> Lock::try_take(const StateDir& state, const std::string& name) {
  UniqueFd fd = open_beneath(state.fd(), "locks/" + name, O_RDWR | O_CREAT, 0600);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open the lock {}", name);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return std::optional<Lock>{};
    return fail_errno(Exit::io_error, errno, "cannot lock {}", name);
  }
  // The name must still lead to what was locked.
  struct stat held {};
  struct stat named {};
  if (::fstat(fd.get(), &held) != 0 || ::fstatat(state.fd(), ("locks/" + name).c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 ||
      held.st_ino != named.st_ino || held.st_dev != named.st_dev)
    return fail(Exit::io_error, "the lock {} was replaced while it was taken", name);
  const std::string pid = fmt::format("{:<15}\n", ::getpid());
  // Only a hint for take_over(): where it cannot be written (full disk), the lock holds all the same.
  [[maybe_unused]] const ssize_t n = ::pwrite(fd.get(), pid.data(), pid.size(), 0);
  return std::optional<Lock>(Lock(std::move(fd)));
}

Result<Lock> take_any(const StateDir& state, const std::vector<std::string>& names, std::chrono::seconds within,
                      monitor::Session& session, const std::string& busy, const std::string& after) {
  const auto give_up = monitor::Clock::now() + within;
  bool said = false;
  for (;;) {
    const auto open = is_free(state, after);
    if (!open) return pass(open.error());
    for (const std::string& name : names) {
      if (!*open) break;
      auto lock = Lock::try_take(state, name);
      if (!lock) return pass(lock.error());
      if (lock->has_value()) return std::move(**lock);
    }
    if (monitor::Clock::now() >= give_up) return fail(Exit::unavailable, "{}", busy);
    if (!said) session.output().step("waiting for another step to end");
    said = true;
    if (auto waited = session.wait({}, std::min(give_up, monitor::Clock::now() + retry_every)); !waited)
      return pass(waited.error());
  }
}

Result<Lock> take_over(const StateDir& state, const std::string& name, std::chrono::seconds grace, monitor::Session& session) {
  pid_t asked = 0;
  monitor::Clock::time_point kill_at{};
  for (;;) {
    auto lock = Lock::try_take(state, name);
    if (!lock) return pass(lock.error());
    if (lock->has_value()) return std::move(**lock);
    const auto now = monitor::Clock::now();
    const pid_t pid = holder(state, name);
    if (pid != asked) {
      if (signal_holder(state, name, pid, SIGTERM)) asked = pid, kill_at = now + grace;
    } else if (now >= kill_at) {
      signal_holder(state, name, pid, SIGKILL);
    }
    if (auto waited = session.wait({}, monitor::Clock::now() + retry_every); !waited) return pass(waited.error());
  }
}

}  // namespace backupctl::state
