#include "client/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace backupctl::client {

Result<Signals> Signals::take() {
  Signals signals;
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);  // ignored by a parent, it would reap our child before we saw its status
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, &signals.before_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    struct sigaction action {};
    // A blocked signal is queued even when it is ignored; only its absence from the set keeps nohup's promise.
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) ::sigdelset(&set, number);
  }
  signals.fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.fd_) return fail_errno(Exit::unavailable, errno, "cannot watch for signals, so nothing was sent");
  return signals;
}

Signals::~Signals() {
  if (fd_) restore();
}

void Signals::read() {
  signalfd_siginfo got{};
  while (::read(fd_.get(), &got, sizeof got) == static_cast<ssize_t>(sizeof got))
    if (got.ssi_signo != SIGCHLD && ending_ == 0) ending_ = static_cast<int>(got.ssi_signo);
}

void Signals::restore() const {
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace backupctl::client
