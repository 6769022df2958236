#include "gate/step/sqlite_copies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "common/room.h"
#include "gate/sandbox/helper.h"
#include "gate/state/directory_attributes.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

constexpr const char* nothing_sent = "nothing of the service was sent, and its backups stay as they are";
constexpr std::array<const char*, 3> beside = {"-wal", "-shm", "-journal"};

/// A plain file of the tree, to ask for what it is; nothing of it is read here. Opened in two steps, since opening a device or
/// FIFO is an act (X5).
Result<UniqueFd> open_live(int tree, const std::string& path) {
  const UniqueFd found = open_beneath(tree, path, O_PATH | O_NOFOLLOW);
  if (!found)
    return fail_errno(Exit::bad_config, errno, "the database {} (sqlite) cannot be opened where the policy says that it is; {}",
                      escape_line(path, 300), nothing_sent);
  struct stat st {};
  if (::fstat(found.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail(Exit::bad_config, "{} (sqlite) is no plain file; {}", escape_line(path, 300), nothing_sent);
  UniqueFd live(::open(fmt::format("/proc/self/fd/{}", found.get()).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!live) return fail_errno(Exit::io_error, errno, "cannot open the database {}; {}", escape_line(path, 300), nothing_sent);
  return live;
}

/// What a database shows of itself without being read.
struct Look {
  /// When something was last committed: in WAL mode the database itself may not be written for hours. A mirror would take one
  /// of the same size and time for unchanged.
  timespec written{};
  std::int64_t bytes = 0;  ///< more than its copy can have, with what is only in its -wal
};
Look look_at(int tree, const std::string& path) {
  Look look;
  for (const std::string& name : {path, path + beside[0], path + beside[2]}) {
    const UniqueFd file = open_beneath(tree, name, O_PATH | O_NOFOLLOW);
    struct stat st {};
    if (!file || ::fstat(file.get(), &st) != 0) continue;
    look.bytes += st.st_size;
    const timespec& newest = look.written;
    if (std::pair(st.st_mtim.tv_sec, st.st_mtim.tv_nsec) > std::pair(newest.tv_sec, newest.tv_nsec)) look.written = st.st_mtim;
  }
  return look;
}

Result<> run_copier(Context& context, const policy::Service& service, int tree, state::Spool& spool, std::int64_t room) {
  auto worker = Worker::hire(context, sandbox::RoleName::copier);
  if (!worker) return pass(worker.error());
  if (auto given = spool.give_to(worker->uid()); !given) return given;
  if (auto shown = worker->show_tree(tree, service.path, sandbox::source_dir, false); !shown) return shown;
  if (auto shown = worker->show_directory(spool.path(), sandbox::spool_dir, true); !shown) return shown;
  std::vector<std::string> args = {std::to_string(room)};
  args.insert(args.end(), service.sqlite.begin(), service.sqlite.end());
  auto child = start_helper(*worker, "backupctl-copier", args, -1, -1);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child));
  if (auto done = job.run(); !done) return done;
  if (const monitor::Ending& ending = job.ending(place); ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the copier ended with {} and without a result; {}", ending.status, nothing_sent);
  return spool.take_back();
}

}  // namespace

Result<SqliteCopies> SqliteCopies::make(Context& context, const policy::Service& service, int tree) {
  SqliteCopies copies;
  if (service.sqlite.empty()) return copies;
  const auto excludes = archive::Excludes::parse(service.exclude);
  std::vector<timespec> times;
  std::int64_t bytes = 0;
  for (const std::string& path : service.sqlite) {
    if (excludes && is_left_out(*excludes, path))
      return fail(Exit::bad_config, "the database {} (sqlite) is left out by the policy's exclude; {}", escape_line(path, 300),
                  nothing_sent);
    auto live = open_live(tree, path);
    if (!live) return pass(live.error());
    // Before it is copied: what is committed later is the next mirror's.
    const Look look = look_at(tree, path);
    times.push_back(look.written);
    bytes += look.bytes;
    copies.copies_.push_back({path, std::move(*live), UniqueFd()});
    for (const char* ending : beside) copies.excludes_.push_back(fmt::format("/{}{}", path, ending));
  }
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  copies.spool_ = std::make_unique<state::Spool>(std::move(*spool));
  // Whoever owns the tree makes a file of a terabyte out of nothing (ftruncate(2)); the archive needs the other half.
  const std::int64_t room = free_bytes(copies.spool_->path()) / 2;
  if (bytes > room)
    return fail(Exit::io_error,
                "the databases of {} (sqlite) have {}, and half of what is free where {} lies is {}: make room there, or look "
                "whether they are what they should be; {}",
                service.name, monitor::human_bytes(bytes), context.state.at("spool"), monitor::human_bytes(room), nothing_sent);
  context.output.step("copying the databases");
  if (auto copied = run_copier(context, service, tree, *copies.spool_, room); !copied) return pass(copied.error());
  for (std::size_t i = 0; i < copies.copies_.size(); ++i) {
    Copy& copy = copies.copies_[i];
    copy.file = open_beneath(copies.spool_->fd(), std::to_string(i), O_RDWR);
    const std::array<timespec, 2> stamps = {timespec{0, UTIME_OMIT}, times[i]};
    // D7: what the copy replaces has them, and so has what is restored.
    if (!copy.file || !state::copy_directory_attributes(copy.live.get(), copy.file.get()) ||
        ::futimens(copy.file.get(), stamps.data()) != 0)
      return fail_errno(Exit::io_error, errno, "the copy of {} cannot be given its owner, mode and attributes; {}",
                        escape_line(copy.path, 300), nothing_sent);
  }
  return copies;
}

std::vector<Instead> SqliteCopies::files() const {
  std::vector<Instead> files;
  for (const Copy& copy : copies_) files.push_back({copy.path, copy.file.get()});
  return files;
}

Result<> SqliteCopies::still(int tree) const {
  for (const Copy& copy : copies_) {
    const UniqueFd now = open_beneath(tree, copy.path, O_PATH | O_NOFOLLOW);
    struct stat then {
    }, st{};
    if (now && ::fstat(now.get(), &st) == 0 && ::fstat(copy.live.get(), &then) == 0 && st.st_dev == then.st_dev &&
        st.st_ino == then.st_ino)
      continue;
    return fail(Exit::unavailable,
                "the database {} was put away or replaced by another file while the tree was read, so what was read is no good "
                "copy and was not kept; try again",
                escape_line(copy.path, 300));
  }
  return {};
}

}  // namespace backupctl::step
