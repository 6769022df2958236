#include "gate/step/redis_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/escape.h"
#include "common/io.h"
#include "common/room.h"
#include "gate/sandbox/helper.h"
#include "gate/step/database_client.h"
#include "gate/step/redis_commands.h"

namespace backupctl::step {
namespace {

constexpr const char* checker = "/usr/bin/redis-check-aof";  // Debian, redis-tools
constexpr const char* kept = "nothing was set aside";
constexpr const char* folder_name = "appendonlydir";  // redis.conf, appenddirname
constexpr const char* file_name = "appendonly.aof";   // redis.conf, appendfilename
constexpr std::string_view manifest_ending = ".manifest";
constexpr std::size_t most_files = 1000;  ///< Redis keeps a handful: a base, and a file for each rewriting that failed

/// Its name as errors call it, whatever bytes it has.
std::string shown(const std::string& name) { return escape_line(name, 300); }

/// Opened in two steps, since opening a device or FIFO is an act (X5).
Result<UniqueFd> open_plain(int dir, const std::string& name) {
  const UniqueFd found = open_beneath(dir, name, O_PATH | O_NOFOLLOW);
  struct stat st {};
  if (!found) return fail_errno(Exit::io_error, errno, "cannot open {} in redis.data_dir; {}", shown(name), kept);
  if (::fstat(found.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail(Exit::bad_data, "{} in redis.data_dir is no plain file, as an append-only file is; {}", shown(name), kept);
  UniqueFd file(::open(fmt::format("/proc/self/fd/{}", found.get()).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return fail_errno(Exit::io_error, errno, "cannot read {} in redis.data_dir; {}", shown(name), kept);
  return file;
}

/// No more than it holds now: who may write it could write without end (D8).
Result<> copy(int dir, const std::string& name, const state::Spool& spool) {
  const auto file = open_plain(dir, name);
  if (!file) return pass(file.error());
  struct stat st {};
  if (::fstat(file->get(), &st) != 0) return fail_errno(Exit::io_error, errno, "cannot stat {}; {}", shown(name), kept);
  const auto room = room_on(spool.fd());
  if (!room) return pass(room.error());
  if (room->bytes < static_cast<std::uint64_t>(st.st_size))
    return fail(Exit::io_error, "the append-only files are checked in a copy, and {} with {} does not fit into {}; {}",
                shown(name), monitor::human_bytes(st.st_size), spool.path(), kept);
  const UniqueFd to = open_beneath(spool.fd(), name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!to || ::fchmod(to.get(), 0666) != 0)  // the folder above is root's alone on this host
    return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool.path(), kept);
  return copy_file(file->get(), to.get(), st.st_size);
}

/// The name of the manifest among them; empty: there is none, and a server that finds none starts empty.
Result<std::string> copy_folder(int folder, const state::Spool& spool) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, Close> dir(::fdopendir(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!dir) return fail_errno(Exit::io_error, errno, "cannot list {} in redis.data_dir; {}", folder_name, kept);
  std::string manifest;
  std::size_t files = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++files > most_files)
      return fail(Exit::bad_data, "{} in redis.data_dir holds more than {} files; {}", folder_name, most_files, kept);
    if (auto copied = copy(folder, name, spool); !copied) return pass(copied.error());
    if (!name.ends_with(manifest_ending) || name.starts_with("temp-")) continue;
    if (!manifest.empty())
      return fail(Exit::bad_data, "{} in redis.data_dir holds {} and {}, and which of them the server reads is not known; {}",
                  folder_name, shown(manifest), shown(name), kept);
    manifest = name;
  }
  return manifest;
}

Result<bool> is_damaged(Context& context, state::Spool& spool, const std::string& name) {
  const auto checked = run_client(context, {.argv = {checker, fmt::format("{}/{}", sandbox::spool_dir, name)},
                                            .env = {"LC_ALL=C.UTF-8", "HOME=/"},
                                            .spool = &spool,
                                            .listener = {"redis-check-aof"}});
  if (!checked) return fail(checked.error().exit, "{}; {}", checked.error().sentence, kept);
  // An empty manifest it takes for an empty file of the older kind, which is good; no server starts on one.
  if (checked->status == 0) return name.ends_with(manifest_ending) && checked->listened.number[0] != 1;
  if (checked->listened.number[1] == 1)
    return fail(Exit::bad_data,
                "the append-only files are of a Redis that is newer than this host's redis-tools, so whether they are damaged "
                "cannot be told; {}",
                kept);
  if (checked->status != 1)
    return fail(Exit::unavailable,
                "redis-check-aof ended with {}, so whether the append-only files are damaged is not known; {}", checked->status,
                kept);
  return true;
}

}  // namespace

Result<UniqueFd> open_data_dir(const policy::Service& service) {
  UniqueFd dir = open_no_symlinks(service.redis.data_dir, O_RDONLY | O_DIRECTORY);
  if (!dir)
    return fail_errno(Exit::bad_config, errno, "cannot open redis.data_dir of {}, {} (no link may lead there); {}",
                      service.name, service.redis.data_dir, kept);
  return dir;
}

Result<std::vector<std::string>> damaged_files(Context& context, const policy::Service& service, int data_dir) {
  context.output.step("checking the append-only files");
  std::vector<std::string> damaged;
  for (const std::string name : {folder_name, file_name}) {
    if (!open_beneath(data_dir, name, O_PATH | O_NOFOLLOW) && errno == ENOENT) continue;
    auto spool = state::Spool::make(context.state);
    if (!spool) return pass(spool.error());
    std::string first = name;
    if (name == folder_name) {
      const UniqueFd folder = open_beneath(data_dir, name, O_RDONLY | O_DIRECTORY);
      if (!folder)
        return fail_errno(Exit::bad_data, errno, "{}/{} cannot be opened as a directory that no link leads to; {}",
                          service.redis.data_dir, name, kept);
      auto manifest = copy_folder(folder.get(), *spool);
      if (!manifest) return pass(manifest.error());
      if (manifest->empty()) continue;
      first = *manifest;
    } else if (auto copied = copy(data_dir, name, *spool); !copied) {
      return pass(copied.error());
    }
    const auto found = is_damaged(context, *spool, first);
    if (!found) return pass(found.error());
    if (*found) damaged.push_back(name);
  }
  return damaged;
}

Result<std::string> set_aside(const policy::Service& service, int data_dir, const std::vector<std::string>& names) {
  const time_t now = ::time(nullptr);
  struct tm utc {};
  ::gmtime_r(&now, &utc);
  char stamp[32];
  ::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
  std::string places;
  for (const std::string& name : names) {
    const std::string aside = fmt::format("{}.damaged-{}", name, stamp);
    if (::renameat2(data_dir, name.c_str(), data_dir, aside.c_str(), RENAME_NOREPLACE) != 0)
      return fail_errno(Exit::io_error, errno, "cannot rename {}/{} to {}{}", service.redis.data_dir, name, aside,
                        places.empty() ? "" : ", and set aside is " + places);
    places += fmt::format("{}{}/{}", places.empty() ? "" : " and ", service.redis.data_dir, aside);
  }
  if (::fsync(data_dir) != 0)
    return fail_errno(Exit::io_error, errno, "set aside is {}, but {} cannot be written for certain", places,
                      service.redis.data_dir);
  return places;
}

}  // namespace backupctl::step
