// The vault around a real program, without the rest of the gate: what the monitor does with it, in forty lines.
//   vault_tool STATE_DIR RCLONE_CONF REMOTE UID MOUNT_POINT carry|die PROGRAM [ARGUMENT…]
// PROGRAM runs as UID with the private copy at MOUNT_POINT, in a mount namespace of its own. `die` kills this process with
// SIGKILL when PROGRAM has ended, before it has looked at the copy: the gate dies between rotation and carry-back.
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gate/vault/vault.h"

using namespace backupctl;

namespace {

int complain(const Error& error) {
  std::fprintf(stderr, "%s\n", error.sentence.c_str());
  return to_status(error.exit);
}

[[noreturn]] void run_child(const std::string& copy, const char* mount_point, uid_t uid, char** argv) {
  const std::string config = std::string("RCLONE_CONFIG=") + mount_point + "/rclone.conf";
  const char* const env[] = {"HOME=/", "PATH=/usr/bin:/bin", "GODEBUG=netdns=go", config.c_str(), nullptr};
  if (::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount(copy.c_str(), mount_point, nullptr, MS_BIND, nullptr) == 0 && ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
      ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0)
    ::execve(argv[0], argv, const_cast<char* const*>(env));
  std::perror("vault_tool: child");
  ::_exit(126);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) return to_status(Exit::not_a_request);
  const bool die = std::string_view(argv[6]) == "die";
  const auto uid = static_cast<uid_t>(std::strtoul(argv[4], nullptr, 10));
  auto loan = vault::Vault::copy_out({argv[1], argv[2]}, argv[3], uid, [] { return fail(Exit::unavailable, "busy"); });
  if (!loan) return complain(loan.error());
  for (const std::string& warning : loan->warnings()) std::printf("warning: %s\n", warning.c_str());
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) run_child(loan->directory(), argv[5], uid, argv + 7);
  const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  for (;;) {
    pollfd fds[] = {{ended.get(), POLLIN, 0}, {die ? -1 : loan->watch_fd(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[0].revents != 0) break;
    if (fds[1].revents != 0) (void)loan->on_change();  // finish() hands the failure on
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (die) ::raise(SIGKILL);
  if (auto finished = loan->finish(); !finished) return complain(finished.error());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
