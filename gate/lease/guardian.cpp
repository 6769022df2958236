#include "gate/lease/guardian.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/monitor/child.h"
#include "gate/state/lock.h"

namespace backupctl::lease {
namespace {

constexpr const char* systemd_run = "/usr/bin/systemd-run";

/// The program that runs, by a name that systemd can start; empty when it was replaced or removed meanwhile.
std::string own_program() {
  char buffer[4096];
  const ssize_t n = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  struct stat running {};
  struct stat named {};
  const std::string path(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  const bool same = ::stat("/proc/self/exe", &running) == 0 && ::stat(path.c_str(), &named) == 0 &&
                    running.st_ino == named.st_ino && running.st_dev == named.st_dev;
  return same ? path : "";
}

/// In the grandchild: nothing of the gate's but the program itself.
[[noreturn]] void become(const std::string& policy_path, const std::string& service, int report) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  // The program is opened by its inode, whatever lies under its name by now.
  const char* argv[] = {"backupctl", "--policy", policy_path.c_str(), "--guardian", service.c_str(), nullptr};
  const char* env[] = {nullptr};
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGHUP}) ::signal(number, SIG_DFL);
  ::setrlimit(RLIMIT_CORE, &monitor::core_limit_at_start());  // what it starts inherits the limits of the beginning
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve("/proc/self/exe", const_cast<char**>(argv), const_cast<char**>(env));
  const int code = errno;
  [[maybe_unused]] const ssize_t n = ::write(report, &code, sizeof code);
  ::_exit(1);
}

/// A process whose parent has ended belongs to no session of ours. The pipe tells whether the program was started: its end
/// closes with the exec, or brings the errno.
Result<> detach(const std::string& policy_path, const std::string& service) {
  auto report = make_pipe();
  if (!report) return pass(report.error());
  const pid_t middle = ::fork();
  if (middle == 0) {
    const pid_t last = ::fork();
    if (last == 0) become(policy_path, service, report->write.get());
    ::_exit(last < 0 ? 1 : 0);
  }
  report->write.reset();
  int status = 1;
  while (middle > 0 && ::waitpid(middle, &status, 0) < 0 && errno == EINTR) {
  }
  int code = 0;
  const ssize_t n = ::read(report->read.get(), &code, sizeof code);
  if (middle > 0 && status == 0 && n == 0) return {};
  return fail_errno(Exit::unavailable, code != 0 ? code : EAGAIN, "no guardian could be started for {}, so it is not stopped",
                    service);
}

}  // namespace

std::string guardian_lock(const std::string& service) { return "guardian-" + service; }

Result<> ensure_guardian(const state::StateDir& state, const service::Runner& run, const std::string& policy_path,
                         const std::string& service) {
  {
    // One that lives has seen the lease, or will when it looks again before it ends.
    auto free = state::Lock::try_take(state, guardian_lock(service));
    if (!free) return pass(free.error());
    if (!free->has_value()) return {};
  }
  struct stat st {};
  const std::string program = own_program();
  if (::stat("/run/systemd/system", &st) == 0 && !program.empty()) {
    const auto started = run({systemd_run, "--quiet", "--collect", "--description=backupctl guardian of " + service, program,
                              "--policy", policy_path, "--guardian", service},
                             std::chrono::seconds(20));
    if (started && started->status == 0 && !started->timed_out) return {};
  }
  return detach(policy_path, service);
}

}  // namespace backupctl::lease
