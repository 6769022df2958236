#include "gate/state/snapshots.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "common/io.h"
#include "common/request.h"

namespace backupctl::state {
namespace {

constexpr std::string_view half_made = ".partial";
constexpr const char* uploads_file = "uploads";
constexpr std::size_t max_uploads = 65536;  ///< bytes of the file

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

Result<std::vector<std::string>> names_in(int dir) {
  const std::unique_ptr<DIR, CloseDir> open(::fdopendir(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!open) return fail_errno(Exit::io_error, errno, "cannot list this host's snapshots");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open.get())) names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

Result<Snapshots> Snapshots::open(const StateDir& state, const std::string& service) {
  const std::string name = "snapshots/" + service;
  if (::mkdirat(state.fd(), name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(Exit::io_error, errno, "cannot make {}", state.at(name));
  UniqueFd fd = open_beneath(state.fd(), name, O_RDONLY | O_DIRECTORY);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open {}", state.at(name));
  return Snapshots(state.at(name), std::move(fd));
}

Result<std::vector<std::string>> Snapshots::ids() const {
  auto names = names_in(fd_.get());
  if (!names) return names;
  std::erase_if(*names, [](const std::string& name) { return !is_snapshot_id(name); });
  std::sort(names->begin(), names->end());
  return names;
}

Result<UniqueFd> Snapshots::begin(const std::string& id) const {
  const auto names = names_in(fd_.get());
  if (!names) return pass(names.error());
  for (const std::string& name : *names)
    if (name.ends_with(half_made)) static_cast<void>(remove_unused(name));  // who holds one removes it, or the next run
  const std::string name = id + std::string(half_made);
  // The worker that sends it reads it: the folder above is root's alone.
  if (::mkdirat(fd_.get(), name.c_str(), 0755) != 0 || ::fchmodat(fd_.get(), name.c_str(), 0755, 0) != 0)
    return fail_errno(Exit::io_error, errno, "cannot make {}", path(name));
  UniqueFd dir = open_beneath(fd_.get(), name, O_RDONLY | O_DIRECTORY);
  if (!dir || ::flock(dir.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_errno(Exit::io_error, errno, "cannot open {}", path(name));
  return dir;
}

Result<UniqueFd> Snapshots::open_for_reading(const std::string& id) const {
  UniqueFd dir = open_beneath(fd_.get(), id, O_RDONLY | O_DIRECTORY);
  if (dir && ::flock(dir.get(), LOCK_SH | LOCK_NB) == 0) return dir;
  return fail_errno(Exit::io_error, errno, "cannot open {}", path(id));
}

bool Snapshots::remove_unused(const std::string& name) const {
  const UniqueFd dir = open_beneath(fd_.get(), name, O_RDONLY | O_DIRECTORY);
  if (dir && ::flock(dir.get(), LOCK_EX | LOCK_NB) != 0) return false;
  return remove_tree(path(name));
}

Result<> Snapshots::commit(const std::string& id) const {
  const std::string name = id + std::string(half_made);
  UniqueFd dir = open_beneath(fd_.get(), name, O_RDONLY | O_DIRECTORY);
  const auto names = dir ? names_in(dir.get()) : fail_errno(Exit::io_error, errno, "cannot open {}", path(name));
  if (!names) return pass(names.error());
  for (const std::string& file : *names) {
    if (file == "." || file == "..") continue;
    const UniqueFd fd = open_beneath(dir.get(), file, O_RDONLY);
    if (!fd || ::fsync(fd.get()) != 0) return fail_errno(Exit::io_error, errno, "cannot write {} to the disk", path(name));
  }
  // One that was fetched anew takes the place of the one there was.
  const auto move = [&](unsigned flags) { return ::renameat2(fd_.get(), name.c_str(), fd_.get(), id.c_str(), flags) == 0; };
  if (::fsync(dir.get()) != 0 || (!move(RENAME_NOREPLACE) && (errno != EEXIST || !move(RENAME_EXCHANGE))) ||
      ::fsync(fd_.get()) != 0)
    return fail_errno(Exit::io_error, errno, "cannot make {} whole", path(id));
  static_cast<void>(remove_unused(name));  // the old one, once nobody reads it any more
  return {};
}

void Snapshots::discard(const std::string& id) const { remove_tree(path(id + std::string(half_made))); }

Result<> Snapshots::remove(const std::string& id) const {
  const std::string gone = id + std::string(half_made);
  const UniqueFd dir = open_beneath(fd_.get(), id, O_RDONLY | O_DIRECTORY);
  // A restore or an export reads it, or fills another of its name: another time.
  if (dir && ::flock(dir.get(), LOCK_EX | LOCK_NB) != 0) return {};
  if (!remove_unused(gone)) return {};
  if (::renameat(fd_.get(), id.c_str(), fd_.get(), gone.c_str()) != 0 && errno != ENOENT)
    return fail_errno(Exit::io_error, errno, "cannot remove {}", path(id));
  if (!remove_tree(path(gone))) return fail_errno(Exit::io_error, errno, "cannot remove {}", path(gone));
  return {};
}

Snapshots::Uploads Snapshots::uploads() const {
  const UniqueFd fd = open_beneath(fd_.get(), uploads_file, O_RDONLY);
  auto text = fd ? read_all(fd.get(), max_uploads) : Result<std::string>("");
  Uploads uploads;
  for (std::string_view rest = text ? std::string_view(*text) : ""; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos && is_snapshot_id(line.substr(blank + 1)))
      uploads.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  return uploads;
}

Result<> Snapshots::set_uploads(const Uploads& uploads) const {
  std::string text;
  for (const auto& [remote, id] : uploads) text += fmt::format("{} {}\n", remote, id);
  return write_file_durably(path(uploads_file), text, 0600);
}

}  // namespace backupctl::state
