#include "gate/step/redis_commands.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "common/io.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/memory.h"
#include "gate/step/network_files.h"

namespace backupctl::step {
namespace {

namespace redis_state = relay::redis_state;

constexpr const char* program = "/usr/bin/redis-server";  // Debian, redis-server
constexpr const char* untouched = "nothing was touched";
constexpr const char* doing = "read the dump of";
constexpr std::int64_t copy_at_once = std::int64_t{1} << 30;
/// A server ends when a dump names a database that it was not made for; each takes some hundred bytes here.
constexpr int most_databases = 10'000;

/// The server that reads the dump; ends with this object.
class Loader {
 public:
  static Result<Loader> start(Context& context, state::Spool& spool) {
    if (auto trusted = open_trusted_program(program); !trusted)
      return fail(Exit::bad_config, "{}; install redis-server, {}", trusted.error().sentence, untouched);
    auto worker = Worker::hire(context, sandbox::RoleName::loader);
    if (!worker) return pass(worker.error());
    if (auto shown = show_program(*worker, program); !shown) return pass(shown.error());
    if (auto shown = show_network_files(*worker); !shown) return pass(shown.error());  // what any C program looks for
    if (auto given = spool.give_to(worker->uid()); !given) return pass(given.error());
    if (auto shown = worker->show_directory(spool.path(), sandbox::spool_dir, true); !shown) return pass(shown.error());
    monitor::Spawn spawn;
    spawn.cage = worker->cage();
    spawn.program = program;
    spawn.argv = {program};
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"port", "0"},
                                      {"unixsocket", fmt::format("{}/{}", sandbox::spool_dir, socket_name)},
                                      {"unixsocketperm", "777"},  // the folder above is root's alone on this host
                                      {"dir", sandbox::spool_dir},
                                      {"dbfilename", "archive"},
                                      {"databases", std::to_string(most_databases)},
                                      {"save", ""},
                                      {"appendonly", "no"},
                                      {"aof-use-rdb-preamble", "no"},
                                      {"appenddirname", folder},
                                      {"appendfilename", "commands"},
                                      {"daemonize", "no"},
                                      {"disable-thp", "no"}})
      spawn.argv.insert(spawn.argv.end(), {"--" + name, value});
    // Redis since 7.2 does not start in a locale that is not there, and in the cage none is but this.
    spawn.env = {"LC_ALL=C", "HOME=/"};
    auto child = monitor::spawn(spawn);
    if (!child) return pass(child.error());
    return Loader(std::move(*worker), std::move(*child));
  }
  /// Whether it runs still.
  bool runs() { return !child_.collect(); }

  static constexpr const char* socket_name = "socket";
  static constexpr const char* folder = "appended";
  static constexpr const char* written = "appended/commands.1.base.aof";  // Redis 7, "multi-part AOF"

 private:
  Loader(Worker worker, monitor::Child child) : worker_(std::move(worker)), child_(std::move(child)) {}
  Worker worker_;
  monitor::Child child_;
};

/// What it says once it has read the dump.
Result<RedisInfo> wait_until_loaded(Context& context, const policy::Service& service, Loader& loader, RedisClient& client,
                                    const state::Spool& spool) {
  for (Pause pause(context);;) {
    if (!loader.runs())
      return fail(
          Exit::bad_data,
          "this host's redis-server does not load the dump of {}: it is of a newer Redis, has more than {} databases, holds a "
          "module's data, or needs more memory than it may have, half of what is available ({}); {}",
          service.name, most_databases, monitor::human_bytes(static_cast<std::int64_t>(sandbox::half_of_available_memory())),
          untouched);
    struct stat st {};
    if (::fstatat(spool.fd(), Loader::socket_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
      auto info = client.info(doing, untouched);
      if (info && !info->is(redis_state::loading)) return info;
      if (!info && (context.session.over() || info.error().exit != Exit::unavailable)) return info;
    }
    if (auto waited = pause.wait(); !waited) return pass(waited.error());
  }
}

}  // namespace

Result<> copy_file(int from, int to, std::int64_t most) {
  if (::lseek(from, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read a file of Redis");
  while (most > 0) {
    const ssize_t n = ::sendfile(to, from, nullptr, static_cast<std::size_t>(std::min(most, copy_at_once)));
    if (n == 0) return {};
    if (n < 0 && errno != EINTR) return fail_errno(Exit::io_error, errno, "cannot copy a file of Redis; {}", untouched);
    if (n > 0) most -= n;
  }
  return {};
}

Result<state::Spool> copy_to_spool(Context& context, int file) {
  auto spool = state::Spool::make(context.state);
  if (!spool) return spool;
  const UniqueFd copy = open_beneath(spool->fd(), "archive", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!copy || ::fchmod(copy.get(), 0644) != 0)
    return fail_errno(Exit::io_error, errno, "cannot write in {}; {}", spool->path(), untouched);
  if (auto copied = copy_file(file, copy.get()); !copied) return pass(copied.error());
  return spool;
}

Result<RedisCommands> commands_of(Context& context, const policy::Service& service, int dump) {
  auto spool = copy_to_spool(context, dump);
  if (!spool) return pass(spool.error());
  auto loader = Loader::start(context, *spool);
  if (!loader) return pass(loader.error());
  RedisClient client = RedisClient::of_socket(context, service, spool->path() + "/" + Loader::socket_name);
  if (auto loaded = wait_until_loaded(context, service, *loader, client, *spool); !loaded) return pass(loaded.error());
  if (auto written = client.rewrite(doing, untouched); !written) return pass(written.error());
  auto held = client.info(doing, untouched);
  if (!held) return pass(held.error());
  UniqueFd file = open_beneath(spool->fd(), Loader::written, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat st {};
  if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail_errno(Exit::bug, errno, "redis-server has not written what it read of {}; {}", service.name, untouched);
  ::unlinkat(spool->fd(), "archive", 0);  // room for what follows
  return RedisCommands{std::move(*spool), std::move(file), std::move(*held)};
}

}  // namespace backupctl::step
