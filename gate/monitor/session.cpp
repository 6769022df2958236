#include "gate/monitor/session.h"

#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace backupctl::monitor {
namespace {

/// Comes unasked. A regular file or terminal never reports it; a pipe without a reader does.
constexpr short gone = POLLERR | POLLHUP | POLLNVAL;

}  // namespace

Session::Session(Output& output, std::chrono::seconds timeout, bool watch_client)
    : output_(output), deadline_(Clock::now() + timeout), timeout_(timeout), watch_client_(watch_client) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT}) sigaddset(&ends, number);
  struct sigaction hang_up {};
  ::sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&ends, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::chrono::seconds Session::left() const {
  return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(deadline_ - Clock::now()));
}

void Session::allow_grace(std::chrono::seconds grace) {
  in_grace_ = true;
  deadline_ = Clock::now() + grace;
}

void Session::see_through() { seen_through_ = true; }

pollfd Session::signal_poll() const { return {in_grace_ || seen_through_ ? -1 : signals_.get(), POLLIN, 0}; }

pollfd Session::client_poll() const { return {watch_client_ && !in_grace_ && !seen_through_ ? output_.fd() : -1, 0, 0}; }

bool Session::over() const {
  pollfd polled[] = {signal_poll(), client_poll()};
  ::poll(polled, std::size(polled), 0);
  return in_grace_ || Clock::now() >= deadline_ || polled[0].revents != 0 || (polled[1].revents & gone) != 0;
}

Result<std::vector<int>> Session::wait(const std::vector<int>& fds, std::optional<Clock::time_point> until) {
  std::vector<pollfd> polled;
  for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
  polled.push_back(signal_poll());
  polled.push_back(client_poll());
  for (;;) {
    const auto now = Clock::now();
    if (now >= deadline_) {
      if (in_grace_) return fail(Exit::unavailable, "it did not end in time");
      return fail(Exit::timed_out, "the request's timeout of {} s passed", timeout_.count());
    }
    const auto end = until ? std::min(*until, deadline_) : deadline_;
    if (until && now >= *until) return std::vector<int>{};
    const auto span = std::chrono::ceil<std::chrono::milliseconds>(end - now).count();
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(std::min<long>(span, 1'000'000)));
    if (ready < 0 && errno != EINTR) return fail_errno(Exit::bug, errno, "cannot wait");
    if (ready <= 0) continue;
    const pollfd& signal = polled[fds.size()];
    const pollfd& client = polled[fds.size() + 1];
    if (signal.revents != 0) return fail(Exit::unavailable, "the gate was told to end by a signal");
    if ((client.revents & gone) != 0) return fail(Exit::unavailable, "the client is gone");
    std::vector<int> found;
    for (std::size_t i = 0; i < fds.size(); ++i)
      if (polled[i].revents != 0) found.push_back(fds[i]);
    if (!found.empty()) return found;
  }
}

}  // namespace backupctl::monitor
