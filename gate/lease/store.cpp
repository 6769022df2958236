#include "gate/lease/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "common/io.h"
#include "common/request.h"

namespace backupctl::lease {
namespace {

/// Ours (root's, since the gate is) and nobody else's to touch.
bool is_private(const struct stat& st) { return st.st_uid == ::geteuid() && (st.st_mode & 077) == 0; }

Result<UniqueFd> open_folder(int state_dir) {
  UniqueFd folder = open_beneath(state_dir, "leases", O_RDONLY | O_DIRECTORY);
  if (!folder) return fail_errno(Exit::io_error, errno, "cannot open the folder of leases");
  struct stat st {};
  if (::fstat(folder.get(), &st) != 0 || !is_private(st))
    return fail(Exit::io_error, "the folder of leases is not private to root; nothing in it is believed");
  return folder;
}

Result<> check_name(const std::string& service) {
  if (!is_name(service)) return fail(Exit::bug, "a lease was asked for by a name that is none");
  return {};
}

/// The sentence for a lease that cannot be used: the service may be down, and nobody else will say so.
template <class... Args>
tl::unexpected<Error> unusable(Exit exit, const std::string& service, fmt::format_string<Args...> why, Args&&... args) {
  return fail(
      exit,
      "the lease of {} cannot be used ({}); the service was stopped and may be down: start it by hand, then delete the file "
      "{} in the folder leases of the state directory",
      service, fmt::format(why, std::forward<Args>(args)...), service);
}

}  // namespace

Result<> write(int state_dir, const Lease& lease) {
  if (auto named = check_name(lease.service); !named) return named;
  auto folder = open_folder(state_dir);
  if (!folder) return pass(std::move(folder.error()));
  const std::string temporary = lease.service + ".tmp";  // no service can have this name
  ::unlinkat(folder->get(), temporary.c_str(), 0);
  const auto failed = [&](int code) {
    ::unlinkat(folder->get(), temporary.c_str(), 0);
    return fail_errno(Exit::io_error, code, "the lease of {} cannot be written, so it is not stopped", lease.service);
  };
  const UniqueFd file = open_beneath(folder->get(), temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!file || !write_all(file.get(), serialize(lease)) || ::fsync(file.get()) != 0 ||
      ::renameat(folder->get(), temporary.c_str(), folder->get(), lease.service.c_str()) != 0 || ::fsync(folder->get()) != 0)
    return failed(errno);
  return {};
}

Result<std::optional<Lease>> read(int state_dir, const std::string& service) {
  if (auto named = check_name(service); !named) return pass(std::move(named.error()));
  auto folder = open_folder(state_dir);
  if (!folder) return pass(std::move(folder.error()));
  // NONBLOCK: whatever lies there, opening it does not wait.
  const UniqueFd file = open_beneath(folder->get(), service, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file && errno == ENOENT) return std::optional<Lease>{};
  if (!file) return unusable(Exit::io_error, service, "{}", errno_text(errno));
  struct stat st {};
  if (::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 || !is_private(st))
    return unusable(Exit::bad_data, service, "it is not a private file of root");
  auto bytes = read_all(file.get(), max_size);
  if (!bytes) return unusable(bytes.error().exit, service, "{}", bytes.error().sentence);
  auto lease = parse(*bytes);
  if (!lease) return unusable(Exit::bad_data, service, "{}", lease.error().sentence);
  if (lease->service != service) return unusable(Exit::bad_data, service, "it belongs to {}", lease->service);
  return std::optional<Lease>{std::move(*lease)};
}

Result<> remove(int state_dir, const std::string& service) {
  if (auto named = check_name(service); !named) return named;
  auto folder = open_folder(state_dir);
  if (!folder) return pass(std::move(folder.error()));
  if ((::unlinkat(folder->get(), service.c_str(), 0) != 0 && errno != ENOENT) || ::fsync(folder->get()) != 0)
    return fail_errno(Exit::io_error, errno, "the lease of {} cannot be ended", service);
  return {};
}

Result<std::vector<std::string>> list(int state_dir) {
  auto folder = open_folder(state_dir);
  if (!folder) return pass(std::move(folder.error()));
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::fdopendir(folder->get()));
  if (!dir) return fail_errno(Exit::io_error, errno, "cannot list the leases");
  (void)folder->release();
  std::vector<std::string> services;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get()))
    if (is_name(entry->d_name)) services.emplace_back(entry->d_name);
  if (errno != 0) return fail_errno(Exit::io_error, errno, "cannot list the leases");
  std::sort(services.begin(), services.end());
  return services;
}

}  // namespace backupctl::lease
