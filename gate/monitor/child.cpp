#include "gate/monitor/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "common/io.h"
#include "gate/sandbox/helper.h"

namespace backupctl::monitor {
namespace {

/// A child's descriptors in their final order: 0, 1, 2, the report, the extras, then the cage's own.
struct Layout {
  std::vector<int> wanted;
  sandbox::Cage cage;     ///< with the final numbers
  std::size_t inherited;  ///< how many the program itself keeps; the rest is used up by entering the cage
};

Layout lay_out(const Spawn& what, int null, int report) {
  const auto or_null = [&](int fd) { return fd >= 0 ? fd : null; };
  Layout layout{{or_null(what.in), or_null(what.out), or_null(what.err), report}, what.cage, 0};
  layout.wanted.insert(layout.wanted.end(), what.extra.begin(), what.extra.end());
  layout.inherited = layout.wanted.size();
  const auto place = [&](int& fd) {
    layout.wanted.push_back(fd);
    fd = static_cast<int>(layout.wanted.size()) - 1;
  };
  if (layout.cage.userns >= 0) place(layout.cage.userns);
  for (sandbox::Bind& bind : layout.cage.binds) place(bind.fd);
  return layout;
}

/// Puts the descriptors at 0, 1, 2, … and closes all others.
bool arrange(const std::vector<int>& wanted) {
  constexpr int out_of_the_way = 200;
  std::vector<int> moved;
  for (const int fd : wanted) moved.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, out_of_the_way));
  for (std::size_t i = 0; i < moved.size(); ++i)
    if (moved[i] < 0 || ::dup2(moved[i], static_cast<int>(i)) < 0) return false;
  return ::close_range(static_cast<unsigned>(moved.size()), ~0U, 0) == 0;
}

/// Everything inheritable back to a fresh process's: whoever called the gate may have set it (architecture.md, controller).
void reset_inherited() {
  ::setsid();
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setpriority(PRIO_PROCESS, 0, 0);
  ::umask(022);
  if (UniqueFd oom(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); oom) [[maybe_unused]]
    const ssize_t n = ::write(oom.get(), "0", 1);
  if (::chdir("/") != 0) ::_exit(to_status(Exit::bug));
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void become(const Spawn& what, const Layout& layout) {
  const sandbox::Role& row = sandbox::role(what.cage.role);
  reset_inherited();
  if (!arrange(layout.wanted)) ::_exit(to_status(Exit::bug));
  std::vector<std::string> argv = what.argv;
  if (row.confined && row.runs_program) {
    if (auto entered = sandbox::enter(layout.cage); !entered) sandbox::give_up(entered.error());
  } else if (row.confined) {
    argv.insert(argv.begin() + 1, sandbox::encode(layout.cage));
  } else {
    ::setrlimit(RLIMIT_CORE, &core_limit_at_start());
  }
  // A foreign program gets the standard three alone.
  if (row.runs_program) ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(what.program.c_str(), pointers(argv).data(), pointers(what.env).data());
  sandbox::give_up({Exit::bad_config, fmt::format("cannot run {}: {}", what.program, errno_text(errno))});
}

}  // namespace

Child::~Child() {
  if (!pidfd_) return;
  signal(SIGKILL);
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

void Child::signal(int number) const {
  if (!pidfd_) return;
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
  // Not yet collected, so the number cannot have been given to another process.
  if (!sandbox::role(role_).confined) ::kill(-pid_, number);
}

std::optional<int> Child::collect() {
  int status = 0;
  const pid_t done = ::waitpid(pid_, &status, WNOHANG);
  if (done != pid_) return std::nullopt;
  pidfd_.reset();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const rlimit& core_limit_at_start() {
  static const rlimit at_start = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    return limit;
  }();
  return at_start;
}

Result<Child> spawn(const Spawn& what) {
  auto report = make_pipe();
  if (!report) return pass(report.error());
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return fail_errno(Exit::unavailable, errno, "cannot open /dev/null");
  const Layout layout = lay_out(what, null.get(), report->write.get());
  const bool confined = sandbox::role(what.cage.role).confined;
  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | (confined ? CLONE_NEWPID : 0);
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) return fail_errno(Exit::unavailable, errno, "cannot start a process");
  if (pid == 0) become(what, layout);
  ::fcntl(pidfd, F_SETFD, FD_CLOEXEC);
  ::fcntl(report->read.get(), F_SETFL, O_NONBLOCK);
  return Child(static_cast<pid_t>(pid), UniqueFd(pidfd), std::move(report->read), what.cage.role);
}

std::string helper_path(const std::string& name) {
  char buffer[4096];
  const ssize_t n = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  const std::string self(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::string dir = self.substr(0, self.rfind('/'));
  const std::string installed = dir + "/../libexec/backupctl/" + name;
  if (::access(installed.c_str(), X_OK) == 0) return installed;
  // In the build tree each helper lies in its own part's folder.
  for (const char* part : {"source", "restore", "relay", "signer"})
    if (const std::string built = fmt::format("{}/{}/{}", dir, part, name); ::access(built.c_str(), X_OK) == 0) return built;
  return installed;
}

}  // namespace backupctl::monitor
