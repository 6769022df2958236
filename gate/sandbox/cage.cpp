#include "gate/sandbox/cage.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

#include "gate/sandbox/helper.h"
#include "gate/sandbox/layers.h"
#include "gate/sandbox/memory.h"

namespace backupctl::sandbox {
namespace {

/// Takes the bytes up to the next `separator` off the front of `text`.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

template <class Number>
bool to_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// The monitor may have died before the death signal was set: then nobody reads the reports any more.
bool monitor_lives() {
  pollfd report{report_fd, 0, 0};
  return ::poll(&report, 1, 0) >= 0 && (report.revents & POLLERR) == 0;
}

}  // namespace

std::string encode(const Cage& cage) {
  std::string word =
      fmt::format("{},{},{},{}", static_cast<int>(cage.role), cage.uid, cage.userns, cage.host_capabilities ? 1 : 0);
  for (const Bind& bind : cage.binds)
    word += fmt::format(",{}:{}{}{}:{}", bind.fd, bind.writable ? 'w' : '-', bind.directory ? 'd' : '-',
                        bind.executable ? 'x' : '-', bind.target);
  return word;
}

Result<Cage> decode(std::string_view word) {
  Cage cage;
  int role = -1;
  int host_capabilities = 0;
  bool good = to_number(take(word, ','), role) && role >= 0 && role < static_cast<int>(role_count) &&
              to_number(take(word, ','), cage.uid) && to_number(take(word, ','), cage.userns) &&
              to_number(take(word, ','), host_capabilities);
  cage.role = static_cast<RoleName>(role);
  cage.host_capabilities = host_capabilities == 1;
  while (good && !word.empty()) {
    std::string_view item = take(word, ',');
    Bind bind;
    good = to_number(take(item, ':'), bind.fd);
    const std::string_view flags = take(item, ':');
    good = good && flags.size() == 3 && item.starts_with('/');
    if (!good) break;
    bind.writable = flags[0] == 'w';
    bind.directory = flags[1] == 'd';
    bind.executable = flags[2] == 'x';
    bind.target = item;
    cage.binds.push_back(std::move(bind));
  }
  if (!good) return fail(Exit::bug, "a helper program of backupctl was started without its cage");
  return cage;
}

Result<> enter(const Cage& cage) {
  const Role& row = role(cage.role);
  if (!row.confined || cage.uid == 0) return fail(Exit::bug, "the role {} has no cage", row.word);
  const std::uint64_t half = half_of_available_memory();  // before the root without a /proc
  if (auto done = row.own_root ? enter_root(cage) : Result<>{}; !done) return done;
  // Abstract sockets and the loopback are those of a network namespace.
  if (row.network == Network::local && ::unshare(CLONE_NEWNET) != 0)
    return fail_errno(Exit::bug, errno, "cannot make a network namespace for the {}", row.word);
  if (auto done = set_limits(row, half); !done) return done;
  if (auto done = drop_privileges(cage); !done) return done;
  // After the last change of credentials, which would clear both (prctl(2)).
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail_errno(Exit::bug, errno, "cannot bind the {} to its monitor", row.word);
  if (!monitor_lives()) return fail(Exit::unavailable, "the monitor is gone");
  if (auto done = restrict_with_landlock(cage); !done) return done;
  return filter_syscalls(row);
}

Protections protections() {
  return {.landlock_abi = landlock_abi(),
          .seccomp = ::prctl(PR_GET_SECCOMP) >= 0,
          .user_namespaces = ::access("/proc/self/ns/user", F_OK) == 0};
}

}  // namespace backupctl::sandbox
