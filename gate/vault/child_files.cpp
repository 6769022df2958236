#include "gate/vault/child_files.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <tuple>

#include "common/io.h"

namespace backupctl::vault {
namespace {

constexpr std::size_t max_names = 32;  ///< rclone leaves three at most; a name has to be looked at for each

struct Aged {
  int rank;  ///< 0 .old, 1 the file itself, 2 a temporary
  timespec changed;
  std::string name;
};

/// The rank of a name, -1 for what rclone's save does not write.
int rank(std::string_view name) {
  const std::string_view base = config_name;
  if (!name.starts_with(base)) return -1;
  const std::string_view rest = name.substr(base.size());
  if (rest == ".old") return 0;
  if (rest.empty()) return 1;
  return rest.find_first_not_of("0123456789") == std::string_view::npos ? 2 : -1;
}

}  // namespace

Result<std::vector<std::string>> child_files(int dir) {
  const int again = ::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // with an offset of its own
  if (again < 0) return fail_errno(Exit::io_error, errno, "its directory cannot be read");
  DIR* opened = ::fdopendir(again);
  if (opened == nullptr) {
    ::close(again);
    return fail_errno(Exit::io_error, errno, "its directory cannot be read");
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opened, ::closedir);
  std::vector<Aged> found;
  while (const dirent* entry = ::readdir(listing.get())) {
    const int order = rank(entry->d_name);
    if (order < 0) continue;
    if (found.size() == max_names) return fail(Exit::io_error, "its directory holds more than {} copies", max_names);
    struct stat st {};
    if (::fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    found.push_back({order, st.st_mtim, entry->d_name});
  }
  std::ranges::sort(found, {}, [](const Aged& one) { return std::tuple(one.rank, one.changed.tv_sec, one.changed.tv_nsec); });
  std::vector<std::string> names;
  for (Aged& one : found) names.push_back(std::move(one.name));
  return names;
}

Result<std::optional<SecretText>> read_child_file(int dir, const std::string& name, uid_t uid) {
  // NONBLOCK: neither a FIFO nor a file lease (fcntl(2), F_SETLEASE) makes the monitor wait.
  UniqueFd fd = open_beneath(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return fail_errno(Exit::io_error, errno, "it cannot be opened as an ordinary file");
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail_errno(Exit::io_error, errno, "it cannot be examined");
  if (!S_ISREG(st.st_mode)) return fail(Exit::io_error, "it is not an ordinary file");
  if (st.st_nlink != 1) return fail(Exit::io_error, "it has {} links instead of one", st.st_nlink);
  if (st.st_uid == 0) return std::nullopt;  // ours: a crash came before it was handed over, so nobody has used it
  if (st.st_uid != uid) return fail(Exit::io_error, "it does not belong to the transfer that was given it");
  auto text = read_secret(fd.get());
  if (!text) return fail(Exit::io_error, "it is {}", text.error().sentence);
  return std::optional<SecretText>(std::move(*text));
}

}  // namespace backupctl::vault
