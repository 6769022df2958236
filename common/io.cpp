#include "common/io.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>

#include "common/record.h"

namespace backupctl {
namespace {

UniqueFd open_resolved(int dir, const std::string& name, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, dir, name.c_str(), &how, sizeof how)));
}

constexpr int most_links = 40;  // as the kernel's (path_resolution(7))

/// What is wrong with an opened file or directory that must be root's alone; empty when nothing is.
std::string_view ownership_fault(const struct stat& st, bool secret) {
  if (st.st_uid != 0) return "is not owned by root";
  if ((st.st_mode & 022) != 0) return "is writable by others than root";
  if (secret && (st.st_mode & 077) != 0) return "is readable by others than root (chmod 600)";
  return {};
}

/// The kernel's own way through an absolute path (path_resolution(7)), with a look at everything on it but the links.
/// @param fault_of  what is wrong with it, or nothing; told whether every account can reach it
/// @param fault  what was found wrong, to stand behind the path
/// @return O_PATH; empty with errno where it cannot be opened, or when something is wrong with it
UniqueFd follow(const std::string& path, std::string_view (*fault_of)(const struct stat&, bool), std::string& fault) {
  const auto open_root = [] { return UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)); };
  UniqueFd at = open_root();
  std::string rest = path;
  bool reachable = true;
  for (int links = 0; !rest.empty();) {
    const std::size_t end = rest.find('/');
    const std::string part = rest.substr(0, end);
    rest.erase(0, end == std::string::npos ? end : end + 1);
    if (part.empty()) continue;
    UniqueFd next(::openat(at.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (!next || ::fstat(next.get(), &st) != 0) return UniqueFd();
    if (S_ISLNK(st.st_mode)) {
      char target[4096];
      const ssize_t size = ::readlinkat(next.get(), "", target, sizeof target);
      if (size >= 0) errno = ELOOP;
      if (size <= 0 || size == static_cast<ssize_t>(sizeof target) || ++links > most_links) return UniqueFd();
      if (target[0] == '/') at = open_root(), reachable = true;
      rest = std::string(target, static_cast<std::size_t>(size)) + "/" + rest;
      continue;
    }
    if (const std::string_view found = fault_of(st, reachable); !found.empty()) {
      fault = S_ISDIR(st.st_mode) ? fmt::format("leads through the directory {}, which {}", part, found) : std::string(found);
      return UniqueFd();
    }
    reachable = reachable && (st.st_mode & S_IXOTH) != 0;
    at = std::move(next);
  }
  return at;
}

}  // namespace

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail_errno(Exit::unavailable, errno, "cannot make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> read_all(int fd, std::size_t limit) {
  std::string bytes;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(Exit::io_error, errno, "cannot read");
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > limit) return fail(Exit::bad_data, "longer than {} bytes", limit);
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

UniqueFd open_no_symlinks(const std::string& path, int flags, mode_t mode) {
  return open_resolved(AT_FDCWD, path, flags, mode, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

UniqueFd open_beneath(int dir, const std::string& name, int flags, mode_t mode) {
  return open_resolved(dir, name, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

Result<UniqueFd> open_trusted(const std::string& path, bool secret) {
  if (path.empty() || path.front() != '/') return fail(Exit::bad_config, "{} is not an absolute path", path);
  // Each directory is opened from the one above it, so that what was checked is what is used.
  UniqueFd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::size_t begin = 1;
  for (;;) {
    const std::size_t end = path.find('/', begin);
    const bool last = end == std::string::npos;
    const std::string part = path.substr(begin, last ? end : end - begin);
    UniqueFd next = open_beneath(at.get(), part, last ? O_RDONLY | O_NOCTTY | O_NONBLOCK : O_PATH | O_DIRECTORY);
    if (!next) return fail_errno(Exit::bad_config, errno, "cannot open {}", path);
    struct stat st {};
    if (::fstat(next.get(), &st) != 0) return fail_errno(Exit::bad_config, errno, "cannot stat {}", path);
    if (const auto fault = ownership_fault(st, secret && last); !fault.empty())
      return fail(Exit::bad_config, "{} {}", path.substr(0, end), fault);
    if (last) return next;
    at = std::move(next);
    begin = end + 1;
  }
}

Result<UniqueFd> open_trusted_program(const std::string& path) {
  if (path.empty() || path.front() != '/') return fail(Exit::bad_config, "{} is not an absolute path", path);
  std::string fault;
  UniqueFd program = follow(
      path, [](const struct stat& st, bool) { return ownership_fault(st, false); }, fault);
  if (!fault.empty()) return fail(Exit::bad_config, "{} {}", path, fault);
  if (!program) return fail_errno(Exit::bad_config, errno, "cannot run {}", path);
  return program;
}

std::string plantable(const std::string& directory) {
  std::string fault;
  const auto anybody = [](const struct stat& st, bool reachable) -> std::string_view {
    return reachable && S_ISDIR(st.st_mode) && (st.st_mode & S_IWOTH) != 0 ? "everybody can write to" : "";
  };
  follow(directory, anybody, fault);
  return fault;
}

Result<> write_file_durably(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary = path + ".tmp";
  const std::size_t slash = path.rfind('/');
  {
    ::unlink(temporary.c_str());  // a leftover of a crash
    UniqueFd fd = open_no_symlinks(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!fd) return fail_errno(Exit::io_error, errno, "cannot create {}", temporary);
    auto written = write_all(fd.get(), bytes);
    if (!written || ::fsync(fd.get()) != 0) {
      const int code = errno;
      ::unlink(temporary.c_str());
      return fail_errno(Exit::io_error, code, "cannot write {}", temporary);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return fail_errno(Exit::io_error, code, "cannot put {} in place", path);
  }
  UniqueFd dir = open_no_symlinks(slash == 0 ? "/" : path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  if (!dir || ::fsync(dir.get()) != 0) return fail_errno(Exit::io_error, errno, "cannot sync the directory of {}", path);
  return {};
}

bool send_record(int fd, const Record& record) {
  return write_all(fd, {reinterpret_cast<const char*>(&record), sizeof record}).has_value();
}

}  // namespace backupctl
