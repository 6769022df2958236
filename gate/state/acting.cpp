#include "gate/state/acting.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

#include "common/io.h"

namespace backupctl::state {
namespace {

std::string file_of(const std::string& service) { return "locks/acting-" + service; }

/// "PID STARTTIME": the second in clock ticks since boot (proc(5), /proc/pid/stat, field 22), so that a number that was given
/// to another process meanwhile is none of ours. Empty when there is no such process.
std::string identity(pid_t pid) {
  const UniqueFd file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const auto text = file ? read_all(file.get(), 4096) : Result<std::string>("");
  std::size_t at = text ? text->rfind(')') : std::string::npos;  // the name before it may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text->find(' ', at + 1);
  return at == std::string::npos ? "" : fmt::format("{} {}", pid, text->substr(at + 1, text->find(' ', at + 1) - at - 1));
}

/// The process that was noted, if it still runs.
pid_t left_acting(const StateDir& state, const std::string& service) {
  const UniqueFd file = open_beneath(state.fd(), file_of(service), O_RDONLY);
  const auto noted = file ? read_all(file.get(), 64) : Result<std::string>("");
  pid_t pid = 0;
  if (noted) std::from_chars(noted->data(), noted->data() + noted->size(), pid);
  return pid > 1 && identity(pid) == *noted ? pid : 0;
}

}  // namespace

Acting::Acting(const StateDir& state, std::string service, pid_t pid) : state_(state), service_(std::move(service)) {
  const UniqueFd file = open_beneath(state_.fd(), file_of(service_), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file) static_cast<void>(write_all(file.get(), identity(pid)));
}

Acting::~Acting() { ::unlinkat(state_.fd(), file_of(service_).c_str(), 0); }

Result<> end_left_acting(const StateDir& state, const std::string& service, std::chrono::seconds grace,
                         monitor::Session& session) {
  const auto began = monitor::Clock::now();
  for (int sent = 0; const pid_t pid = left_acting(state, service);) {
    const auto passed = monitor::Clock::now() - began;
    if (passed >= 2 * grace) break;
    const int number = passed >= grace ? SIGKILL : SIGTERM;
    if (number != sent && ::kill(-pid, number) == 0) sent = number;
    if (auto waited = session.wait({}, monitor::Clock::now() + std::chrono::milliseconds(100)); !waited)
      return pass(waited.error());
  }
  ::unlinkat(state.fd(), file_of(service).c_str(), 0);
  return {};
}

}  // namespace backupctl::state
