#include "gate/step/runner.h"

#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "common/io.h"
#include "gate/monitor/child.h"
#include "gate/state/acting.h"

namespace backupctl::step {
namespace {

constexpr std::size_t most_output = 65536;

/// Reads what is there, a pipe's worth at most (pipe(7)), so that who writes without end gets no more than its turn (S5); false
/// at the end of input. More than the bound is read and thrown away, so that nobody blocks on us.
bool drain(int fd, std::string& text) {
  char buffer[8192];
  for (std::size_t left = 65536 / sizeof buffer; left > 0; --left) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    const auto room = most_output - std::min(most_output, text.size());
    text.append(buffer, std::min(room, static_cast<std::size_t>(n)));
    if (static_cast<std::size_t>(n) < sizeof buffer) return true;
  }
  return true;
}

/// podman and systemctl need no more. Rootless podman gets its own through runuser.
const std::vector<std::string> built_environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                    "HOME=/root", "USER=root", "LOGNAME=root", "LC_ALL=C.UTF-8"};

/// @param note  keeps what runs on disk as long as it does
Result<service::CommandOutput> run(monitor::Session& session, const policy::Argv& argv, policy::Seconds within,
                                   const std::function<std::unique_ptr<state::Acting>(pid_t)>& note) {
  // A program that root runs is root's alone (X7).
  if (auto program = open_trusted_program(argv[0]); !program) return pass(program.error());
  auto out = make_pipe();
  auto err = make_pipe();
  if (!out || !err) return fail(Exit::unavailable, "no pipe could be made to run {}", argv[0]);
  monitor::Spawn spawn;
  spawn.cage.role = sandbox::RoleName::controller;
  spawn.program = argv[0];
  spawn.argv = argv;
  spawn.env = built_environment;
  spawn.out = out->write.get();
  spawn.err = err->write.get();
  auto child = monitor::spawn(spawn);
  if (!child) return pass(child.error());
  const auto noted = note ? note(child->pid()) : nullptr;
  out->write.reset();
  err->write.reset();
  for (const int fd : {out->read.get(), err->read.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);

  service::CommandOutput output;
  const auto end = monitor::Clock::now() + within;
  bool out_open = true;
  bool err_open = true;
  for (;;) {
    // Its end is that of the process, not of the pipes: podman's container monitor may hold those for as long as it runs.
    std::vector<int> fds = {child->pidfd()};
    if (out_open) fds.push_back(out->read.get());
    if (err_open) fds.push_back(err->read.get());
    const auto ready = session.wait(fds, end);
    const bool over = !ready || ready->empty();
    if (out_open) out_open = drain(out->read.get(), output.out);
    if (err_open) err_open = drain(err->read.get(), output.err);
    if (const auto status = child->collect()) {
      drain(out->read.get(), output.out);
      drain(err->read.get(), output.err);
      output.status = *status;
      return output;
    }
    if (!over) continue;
    child->signal(SIGTERM);  // its destructor kills the group (S5) when this does not help within a moment
    struct timespec moment {
      0, 200'000'000
    };
    ::nanosleep(&moment, nullptr);
    if (!ready) return pass(ready.error());
    output.timed_out = true;
    return output;
  }
}

}  // namespace

service::Runner controller_runner(monitor::Session& session) {
  return [&session](const policy::Argv& argv, policy::Seconds within) { return run(session, argv, within, nullptr); };
}

service::Runner stopping_runner(monitor::Session& session, const state::StateDir& state, const std::string& service) {
  return [&session, &state, service](const policy::Argv& argv, policy::Seconds within) {
    return run(session, argv, within, [&](pid_t pid) { return std::make_unique<state::Acting>(state, service, pid); });
  };
}

}  // namespace backupctl::step
