#include "tests/attack/attempts.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

// Written without the C++ library: the same code runs inside every cage, as a static program too.
namespace backupctl::attack {
namespace {

bool opens(const char* path, int flags = O_RDONLY) {
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600));
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool read_shadow() { return opens("/etc/shadow"); }
bool read_outside() { return opens("/var/lib/backupctl-attack/secret"); }
bool climb_out() {
  return opens("/source/../../var/lib/backupctl-attack/secret") || opens("/var/lib/backupctl-attack/tree/../secret");
}
bool follow_link_out() { return opens("/source/link-out") || opens("/var/lib/backupctl-attack/tree/link-out"); }
bool write_source() {
  return opens("/source/planted", O_WRONLY | O_CREAT) || opens("/var/lib/backupctl-attack/tree/planted", O_WRONLY | O_CREAT);
}
bool read_proc() { return opens("/proc/self/status"); }

/// In a child where that is possible, else in place: success never returns.
bool executes(const char* path) {
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) return false;
  const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) {
    char* const argv[] = {const_cast<char*>(path), nullptr};
    char* const envp[] = {nullptr};
    ::execve(path, argv, envp);
    [[maybe_unused]] const ssize_t n = ::write(channel[1], "x", 1);
    ::_exit(1);
  }
  if (pid < 0) return false;
  ::close(channel[1]);
  char byte;
  const bool failed = ::read(channel[0], &byte, 1) == 1;
  ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return !failed;
}
bool execute_program() { return executes("/bin/true"); }
bool execute_in_place() {
  char* const argv[] = {const_cast<char*>("true"), nullptr};
  char* const envp[] = {nullptr};
  ::execve("/bin/true", argv, envp);
  ::execve("/source/program", argv, envp);
  return false;  // success does not come back: the driver reads the exit status 0 of `true`
}
bool execute_from_tree() { return executes("/source/program") || executes("/var/lib/backupctl-attack/tree/program"); }
bool execute_memfd() {
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "x", 0));
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool connects(const char* name, std::size_t size) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, size);
  const socklen_t length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0;
  ::close(fd);
  return connected;
}
bool connect_socket() {
  constexpr char path[] = "/var/lib/backupctl-attack/tree/socket";
  constexpr char inside[] = "/source/socket";
  return connects(path, sizeof path) || connects(inside, sizeof inside);
}
bool connect_abstract() {
  constexpr char name[] = "\0backupctl-attack";
  return connects(name, sizeof name - 1);
}
bool open_inet_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}
bool open_raw_socket() {
  const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

bool trace_another() {
  const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) {
    const timespec while_traced{1, 0};  // whoever may not end it must not wait for it for ever
    ::nanosleep(&while_traced, nullptr);
    ::_exit(0);
  }
  if (pid < 0) return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0;
  const bool traced = ::ptrace(PTRACE_ATTACH, static_cast<pid_t>(pid), nullptr, nullptr) == 0;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return traced;
}
bool trace_itself() { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0; }
bool become_root() { return ::syscall(SYS_setuid, 0) == 0 && opens("/etc/shadow"); }
bool set_uid_zero() { return ::syscall(SYS_setresuid, 0, 0, 0) == 0; }
bool mount_tmpfs() {
  const bool mounted =
      ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0 || ::mount("none", "/source", "tmpfs", 0, nullptr) == 0;
  if (mounted) ::umount2("/tmp", MNT_DETACH);
  return mounted;
}
bool signal_others() { return ::kill(-1, 0) == 0 || ::kill(::getppid() > 0 ? ::getppid() : 2, 0) == 0; }
bool new_user_namespace() { return ::unshare(CLONE_NEWUSER) == 0; }
bool change_root() { return ::chroot("/") == 0; }
bool make_device() {
  const dev_t null = makedev(1, 3);
  const bool made = ::mknod("/target/device", S_IFCHR | 0666, null) == 0 ||
                    ::mknod("/var/lib/backupctl-attack/device", S_IFCHR | 0666, null) == 0;
  ::unlink("/var/lib/backupctl-attack/device");
  return made;
}
bool handle_of_file() {
  alignas(file_handle) char bytes[sizeof(file_handle) + 128] = {};
  auto* handle = reinterpret_cast<file_handle*>(bytes);
  handle->handle_bytes = 128;
  int mount_id = 0;
  const char* path = opens("/source", O_RDONLY | O_DIRECTORY) ? "/source" : "/var/lib/backupctl-attack/tree";
  if (::name_to_handle_at(AT_FDCWD, path, handle, &mount_id, 0) != 0) return false;
  const int dir = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int fd = ::open_by_handle_at(dir, handle, O_RDONLY | O_CLOEXEC);
  return fd >= 0;
}
bool watch_files() { return ::inotify_init1(IN_CLOEXEC) >= 0; }
bool use_io_uring() {
  char parameters[120] = {};
  return ::syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}
bool use_keyring() { return ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0; }
bool map_executable() {
  return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}
bool read_own_tree() { return opens("/source/of-another-user") || opens("/var/lib/backupctl-attack/tree/of-another-user"); }

}  // namespace

const Attempt attempts[] = {
    {"read-own-tree", read_own_tree},
    {"open-shadow", read_shadow},
    {"open-outside", read_outside},
    {"climb-out", climb_out},
    {"follow-link-out", follow_link_out},
    {"write-source", write_source},
    {"open-proc", read_proc},
    {"exec-program", execute_program},
    {"exec-in-place", execute_in_place},
    {"exec-from-tree", execute_from_tree},
    {"memfd", execute_memfd},
    {"connect-socket", connect_socket},
    {"connect-abstract", connect_abstract},
    {"inet-socket", open_inet_socket},
    {"raw-socket", open_raw_socket},
    {"ptrace", trace_another},
    {"ptrace-self", trace_itself},
    {"setuid-read", become_root},
    {"setresuid", set_uid_zero},
    {"mount", mount_tmpfs},
    {"signal-others", signal_others},
    {"unshare-user", new_user_namespace},
    {"chroot", change_root},
    {"device", make_device},
    {"file-handle", handle_of_file},
    {"inotify", watch_files},
    {"io-uring", use_io_uring},
    {"keyring", use_keyring},
    {"map-executable", map_executable},
};
const std::size_t attempt_count = sizeof attempts / sizeof *attempts;

}  // namespace backupctl::attack
