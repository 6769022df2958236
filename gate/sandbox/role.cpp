#include "gate/sandbox/role.h"

namespace backupctl::sandbox {
namespace {

using Network::internet;
using Network::local;
using TreeAccess::read_any;
using TreeAccess::write_any;

// Syscalls by name, so that libseccomp resolves them for x86-64 and arm64 alike. The base set (seccomp.cpp) is what any C++
// program needs to compute, to write to its pipes and to end; the lists here say what a role does beyond that.

constexpr std::string_view reader_calls[] = {
    "openat",    "openat2",    "getdents64", "readlinkat", "fchdir",     "fcntl",     "dup",
    "umask",     "geteuid",    "faccessat2", "fgetxattr",  "flistxattr", "getxattr",  "listxattr",
    "lgetxattr", "llistxattr", "fstatfs",    "statfs",     "fadvise64",  "ftruncate", "fsync",
    "fdatasync", "fallocate",  "unlinkat",   "ioctl",      "getcwd",     "readlink",  "chdir",
};
constexpr std::string_view extractor_calls[] = {
    "openat",    "openat2",    "open",      "getdents64", "readlinkat", "readlink",     "fchdir",      "chdir",
    "fcntl",     "dup",        "umask",     "geteuid",    "getegid",    "getuid",       "getgid",      "faccessat2",
    "faccessat", "access",     "getcwd",    "mkdir",      "mkdirat",    "mknod",        "mknodat",     "link",
    "linkat",    "symlink",    "symlinkat", "unlink",     "unlinkat",   "rmdir",        "rename",      "renameat",
    "renameat2", "chmod",      "fchmod",    "fchmodat",   "chown",      "fchown",       "lchown",      "fchownat",
    "utimensat", "futimesat",  "utime",     "utimes",     "fgetxattr",  "flistxattr",   "getxattr",    "listxattr",
    "lgetxattr", "llistxattr", "fsetxattr", "setxattr",   "lsetxattr",  "fremovexattr", "removexattr", "lremovexattr",
    "fstatfs",   "statfs",     "ftruncate", "fsync",      "fdatasync",  "syncfs",       "fallocate",   "ioctl",
};
// What extracting needs, from a tree instead of an archive.
constexpr std::string_view stager_calls[] = {
    "openat",     "openat2",      "getdents64", "readlinkat", "fchdir",    "fcntl",      "dup",       "umask",
    "faccessat2", "getcwd",       "mkdirat",    "mkdir",      "mknodat",   "mknod",      "linkat",    "symlinkat",
    "unlinkat",   "renameat",     "renameat2",  "fchmod",     "fchown",    "fchownat",   "lchown",    "utimensat",
    "fgetxattr",  "flistxattr",   "getxattr",   "listxattr",  "lgetxattr", "llistxattr", "fsetxattr", "setxattr",
    "lsetxattr",  "fremovexattr", "fstatfs",    "statfs",     "ftruncate", "syncfs",     "ioctl",
};
// What a Go program needs (the runtime's scheduler, timers and network poller) and what rclone does with files.
constexpr std::string_view transfer_calls[] = {
    "execve",
    "arch_prctl",
    "set_tid_address",
    "prlimit64",
    "getrlimit",
    "setrlimit",
    "access",
    "faccessat",
    "faccessat2",
    "open",
    "openat",
    "getdents64",
    "readlink",
    "readlinkat",
    "fcntl",
    "dup",
    "dup2",
    "dup3",
    "pipe2",
    "umask",
    "getcwd",
    "chdir",
    "fchdir",
    "stat",
    "lstat",
    "statfs",
    "fstatfs",
    "fadvise64",
    "sync_file_range",
    "fallocate",
    "ftruncate",
    "truncate",
    "fsync",
    "fdatasync",
    "copy_file_range",
    "sendfile",
    "splice",
    "getpid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getpgrp",
    "uname",
    "sysinfo",
    "sigaltstack",
    "tgkill",
    "tkill",
    "getpriority",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "utimensat",
    "utimes",
    "futimesat",
    "fgetxattr",
    "flistxattr",
    "getxattr",
    "listxattr",
    "lgetxattr",
    "llistxattr",
    "epoll_create1",
    "epoll_create",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "pselect6",
    "select",
    "timer_create",
    "timer_settime",
    "timer_delete",
    "setitimer",
    "getitimer",
    "rt_sigtimedwait",
    "connect",
    "bind",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "shutdown",
    "listen",
    "accept4",
    "mincore",
    "ioctl",
    "statx",
    "flock",
    "setpgid",
    "wait4",
    "waitid",
    "clock_getres",
    "sched_getparam",
    "sched_getscheduler",
};

// A client of HTTP, its names resolved by others. A pair of sockets, with which libcurl wakes itself, leads nowhere else.
constexpr std::string_view prober_calls[] = {
    "openat", "fcntl",    "connect", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "sendto", "recvfrom", "sendmsg", "recvmsg",     "shutdown",    "socketpair", "ioctl",
    "uname",  "getpid",   "getuid",  "geteuid",     "getgid",      "getegid",    "pipe2",
};

// A client of a database (pg_dump, pg_restore, psql, redis-cli): the dynamic linker, names, one connection, plain files.
constexpr std::string_view dumper_calls[] = {
    "execve",       "chdir",
    "fchdir",       "arch_prctl",
    "prlimit64",    "getrlimit",
    "access",       "faccessat",
    "faccessat2",   "openat",
    "open",         "stat",
    "lstat",        "statx",
    "getdents64",   "readlink",
    "readlinkat",   "getcwd",
    "fcntl",        "dup",
    "dup2",         "dup3",
    "pipe2",        "umask",
    "fadvise64",    "ftruncate",
    "fsync",        "fdatasync",
    "unlink",       "unlinkat",
    "rename",       "renameat",
    "renameat2",    "getuid",
    "geteuid",      "getgid",
    "getegid",      "getppid",
    "getpgrp",      "uname",
    "sysinfo",      "ioctl",
    "connect",      "bind",
    "getsockname",  "getpeername",
    "getsockopt",   "setsockopt",
    "sendto",       "recvfrom",
    "sendmsg",      "recvmsg",
    "sendmmsg",     "recvmmsg",
    "shutdown",     "select",
    "pselect6",     "epoll_create1",
    "epoll_ctl",    "epoll_wait",
    "epoll_pwait",  "rt_sigtimedwait",
    "setitimer",    "alarm",
    "clock_getres", "getrusage",
    "times",
};
// What SQLite does with the files of a database: locks above all. A limit for itself of how long they get.
constexpr std::string_view copier_calls[] = {
    "prlimit64",  "setrlimit", "openat",    "openat2",  "open",      "fcntl",     "umask", "geteuid",
    "faccessat2", "faccessat", "access",    "readlink", "getcwd",    "stat",      "lstat", "fchmod",
    "unlink",     "unlinkat",  "ftruncate", "fsync",    "fdatasync", "fallocate",
};

// A database server that holds a copy of its own (redis-server): what its clients need, and a socket that it listens on.
constexpr std::string_view loader_calls[] = {
    "execve",      "arch_prctl",  "prlimit64",  "getrlimit",       "access",        "faccessat",    "faccessat2", "openat",
    "open",        "stat",        "lstat",      "statx",           "statfs",        "fstatfs",      "getdents64", "readlink",
    "readlinkat",  "getcwd",      "chdir",      "fcntl",           "dup",           "dup2",         "dup3",       "pipe2",
    "pipe",        "umask",       "fadvise64",  "sync_file_range", "fallocate",     "ftruncate",    "fsync",      "fdatasync",
    "mkdir",       "mkdirat",     "rmdir",      "unlink",          "unlinkat",      "rename",       "renameat",   "renameat2",
    "chmod",       "fchmod",      "fchmodat",   "getuid",          "geteuid",       "getgid",       "getegid",    "getppid",
    "getpgrp",     "uname",       "sysinfo",    "ioctl",           "bind",          "listen",       "accept",     "accept4",
    "getsockname", "getpeername", "getsockopt", "setsockopt",      "sendto",        "recvfrom",     "sendmsg",    "recvmsg",
    "shutdown",    "select",      "pselect6",   "epoll_create",    "epoll_create1", "epoll_ctl",    "epoll_wait", "epoll_pwait",
    "eventfd2",    "setitimer",   "alarm",      "wait4",           "waitid",        "clock_getres", "getrusage",  "times",
    "flock",       "mincore",
};

constexpr std::uint64_t MiB = 1 << 20;

// half_available: pg_dump took 1.1 GB for a value of 260 MB and 113 MB for 10,000 tables, redis-server takes what a dataset
// has, SQLite some times the longest value; a fixed number refuses good ones, or does not bound hostile ones on a small host.
constexpr Role roles[role_count] = {
    // name                 word          confined root   tree      network  program serves memory     files  further syscalls
    {RoleName::parser, "parser", true, false, TreeAccess::none, Network::none, false, false, 64 * MiB, 8, {}},
    {RoleName::controller, "controller", false, false, TreeAccess::none, internet, true, false, 0, 1024, {}},
    {RoleName::reader, "reader", true, true, read_any, Network::none, false, false, 1024 * MiB, 256, reader_calls},
    {RoleName::transfer, "transfer", true, true, read_any, internet, true, false, 0, 1024, transfer_calls},
    {RoleName::relay, "relay", true, true, TreeAccess::none, Network::none, false, false, 512 * MiB, 16, {}},
    {RoleName::extractor, "extractor", true, true, write_any, Network::none, false, false, 1024 * MiB, 256, extractor_calls},
    {RoleName::signer, "signer", true, true, TreeAccess::none, Network::none, false, false, 128 * MiB, 16, {}},
    {RoleName::stager, "stager", true, true, write_any, Network::none, false, false, 1024 * MiB, 256, stager_calls},
    {RoleName::prober, "prober", true, true, TreeAccess::none, internet, false, false, 512 * MiB, 32, prober_calls},
    {RoleName::dumper, "dumper", true, true, TreeAccess::none, internet, true, false, half_available, 64, dumper_calls},
    {RoleName::local_dumper, "local dumper", true, true, TreeAccess::none, local, true, false, half_available, 64,
     dumper_calls},
    {RoleName::copier, "copier", true, true, read_any, Network::none, false, false, half_available, 32, copier_calls},
    {RoleName::loader, "loader", true, true, TreeAccess::none, local, true, true, half_available, 128, loader_calls},
};

}  // namespace

std::span<const Role> role_table() { return roles; }

const Role& role(RoleName name) { return roles[static_cast<std::size_t>(name)]; }

}  // namespace backupctl::sandbox
