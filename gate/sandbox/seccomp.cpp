#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <utility>

#include "common/record.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/layers.h"

namespace backupctl::sandbox {
namespace {

/// What every role may do: compute, use the descriptors it holds, look at the clock, end.
constexpr std::string_view base_calls[] = {
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "close",
    "close_range",
    "lseek",
    "_llseek",
    "fstat",
    "newfstatat",
    "fstatat64",
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "exit",
    "exit_group",
    "getrandom",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "sched_yield",
    "sched_getaffinity",
    "restart_syscall",
    "poll",
    "ppoll",
    "getpid",
    "gettid",
    "tgkill",
    "set_robust_list",
    "rseq",
    "membarrier",
    "set_tid_address",
};

/// Refused to foreign programs with EPERM; what is neither allowed nor here does not exist for them (ENOSYS: they fall back).
constexpr std::string_view dangerous_calls[] = {
    "open_by_handle_at",
    "name_to_handle_at",
    "inotify_init",
    "inotify_init1",
    "fanotify_init",
    "memfd_create",
    "memfd_secret",
    "io_uring_setup",
    "keyctl",
    "add_key",
    "request_key",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "bpf",
    "userfaultfd",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "fsopen",
    "open_tree",
    "move_mount",
    "kill",
    "pidfd_open",
    "pidfd_send_signal",
    "pidfd_getfd",
    "perf_event_open",
    "execveat",
    "fork",
    "vfork",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "capset",
    "mknod",
    "mknodat",
};

// ioctl(2) requests that libraries make of plain files: terminal or not, bytes waiting, extents, flags; shared blocks.
constexpr std::uint64_t harmless_ioctls[] = {0x5401 /* TCGETS */, 0x541B /* FIONREAD */, 0xC020660B /* FS_IOC_FIEMAP */,
                                             0x80086601 /* FS_IOC_GETFLAGS */,
                                             0x40049409 /* FICLONE, between two files that are open anyway */};
constexpr std::uint64_t clone_thread = 0x00010000;  // CLONE_THREAD, clone(2)
constexpr std::uint64_t fork_flags = 0x012000FF;  // CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, the signal: all that fork(3) sets

/// Tells the monitor which syscall was refused and ends; async-signal-safe.
void report_violation(int, siginfo_t* info, void*) {
  static Record record;
  record.kind = Record::Kind::violation;
  record.number[0] = info->si_syscall;
  [[maybe_unused]] const ssize_t n = ::write(report_fd, &record, sizeof record);
  ::_exit(to_status(Exit::bug));
}

/// One condition on an argument (seccomp_rule_add(3)); the library's own macros are C99 alone.
scmp_arg_cmp argument(unsigned index, scmp_compare compare, std::uint64_t first, std::uint64_t second = 0) {
  scmp_arg_cmp condition{};
  condition.arg = index;
  condition.op = compare;
  condition.datum_a = first;
  condition.datum_b = second;
  return condition;
}

/// A filter under construction; remembers the first rule that could not be added.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {
    if (context_ == nullptr) fault_ = ENOMEM;
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }
  /// A rule for a syscall by name; names that this libseccomp or architecture does not know are left out.
  void add(std::uint32_t action, std::string_view name) { add(action, name, std::initializer_list<scmp_arg_cmp>{}); }
  void add(std::uint32_t action, std::string_view name, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
    if (number == __NR_SCMP_ERROR) return;
    const int code =
        seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(conditions.size()), conditions.begin());
    if (code != -EACCES && code != -EEXIST) note(code);  // the action is the default already; the rule is there already
  }
  /// 0, or errno.
  int load() {
    if (fault_ == 0) note(seccomp_load(context_.get()));
    return fault_;
  }

 private:
  struct Release {
    void operator()(scmp_filter_ctx context) const { seccomp_release(context); }
  };
  void note(int code) {
    if (code < 0 && fault_ == 0) fault_ = -code;
  }
  std::unique_ptr<void, Release> context_;
  int fault_ = 0;
};

/// Executable memory is what injected code needs; only a foreign program's dynamic linker maps any.
void add_memory_rules(Filter& filter, bool executable) {
  for (const std::string_view name : {"mmap", "mprotect"}) {
    if (executable)
      filter.add(SCMP_ACT_ALLOW, name);
    else
      filter.add(SCMP_ACT_ALLOW, name, {argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  }
}

void add_ioctl_rules(Filter& filter) {
  for (const std::uint64_t request : harmless_ioctls) filter.add(SCMP_ACT_ALLOW, "ioctl", {argument(1, SCMP_CMP_EQ, request)});
}

}  // namespace

Result<> filter_syscalls(const Role& role) {
  if (!role.runs_program) {
    struct sigaction action {};
    action.sa_sigaction = report_violation;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGSYS, &action, nullptr);
  }
  Filter filter(role.runs_program ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_TRAP);
  for (const std::string_view name : base_calls) filter.add(SCMP_ACT_ALLOW, name);
  for (const std::string_view name : role.syscalls)
    if (name != "ioctl") filter.add(SCMP_ACT_ALLOW, name);
  // Threads, no processes: with PID namespace and limits this bounds what a child can become.
  filter.add(SCMP_ACT_ALLOW, "clone", {argument(0, SCMP_CMP_MASKED_EQ, clone_thread, clone_thread)});
  if (role.serves) filter.add(SCMP_ACT_ALLOW, "clone", {argument(0, SCMP_CMP_MASKED_EQ, ~fork_flags, 0)});
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");  // its flags lie in memory, beyond a filter; the C library falls back to clone
  filter.add(SCMP_ACT_ERRNO(EINVAL), "prctl");   // thread names
  add_memory_rules(filter, role.runs_program);
  if (!role.syscalls.empty()) add_ioctl_rules(filter);
  const auto add_sockets = [&](std::initializer_list<int> domains) {
    for (const int domain : domains)
      filter.add(SCMP_ACT_ALLOW, "socket", {argument(0, SCMP_CMP_EQ, static_cast<std::uint64_t>(domain))});
  };
  if (role.network == Network::internet) add_sockets({AF_INET, AF_INET6});
  if (role.network == Network::local) add_sockets({AF_UNIX});
  if (role.runs_program)
    for (const std::string_view name : dangerous_calls) filter.add(SCMP_ACT_ERRNO(EPERM), name);
  if (const int code = filter.load(); code != 0)
    return fail_errno(Exit::bug, code, "cannot put the syscall filter of the {} in force", role.word);
  return {};
}

std::string syscall_name(long number) {
  char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
  const std::string text = name != nullptr ? name : "number " + std::to_string(number);
  ::free(name);
  return text;
}

}  // namespace backupctl::sandbox
