#include "gate/step/dump_redis.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/io.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/memory.h"
#include "gate/step/dump_file.h"

namespace backupctl::step {
namespace {

namespace redis_state = relay::redis_state;

constexpr const char* checker = "/usr/bin/redis-check-rdb";  // Debian, redis-tools

std::string in_spool() { return fmt::format("{}/archive", sandbox::spool_dir); }

}  // namespace

Result<> check_server(const policy::Service& service, const RedisInfo& info, const std::string& doing,
                      const std::string& state) {
  if (info.is(redis_state::loading))
    return fail(Exit::unavailable, "cannot {} {}: the server is still reading its data; {}", doing, service.name, state);
  if (info.is(redis_state::cluster))
    return fail(
        Exit::bad_config,
        "cannot {} {}: the server is a node of a cluster, and holds a part of its keys alone, which backupctl cannot put "
        "together; {}",
        doing, service.name, state);
  return {};
}

Result<> fetch_rdb(RedisClient& client, state::Spool& spool, const std::string& doing, const std::string& state) {
  // To a file and not to a pipe: what ends the transfer is no part of the dump, and redis-cli cuts it off there.
  const auto fetched = client.run({"--rdb", in_spool()}, {.spool = &spool});
  if (!fetched) return pass(fetched.error());
  if (fetched->status != 0) return pass(client.error(*fetched, doing, state));
  return {};
}

Result<RdbContent> check_rdb(Context& context, state::Spool& spool, const std::string& state) {
  const auto checked = run_client(
      context,
      {.argv = {checker, in_spool()}, .env = {"LC_ALL=C.UTF-8", "HOME=/"}, .spool = &spool, .listener = {"redis-check"}});
  if (!checked) return pass(checked.error());
  struct stat st {};
  const Record& found = checked->listened;
  if (checked->status != 0 || found.number[4] != 1)
    return fail(
        Exit::bad_data,
        "redis-check-rdb does not read the dump to its end: it is damaged, holds a module's data, is of a Redis that is newer "
        "than this host's redis-tools, or needs more memory than it may have, half of what is available ({}); {}",
        monitor::human_bytes(static_cast<std::int64_t>(sandbox::half_of_available_memory())), state);
  if (::fstatat(spool.fd(), "archive", &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_size != found.number[3])
    return fail(Exit::bad_data, "the dump has {} bytes, and its content ends at {}; {}", st.st_size, found.number[3], state);
  return RdbContent{found.number[0], found.number[1]};
}

Result<TreeRead> dump_redis(Context& context, const policy::Service& service, state::Spool& spool) {
  constexpr const char* doing = "back up";
  auto client = RedisClient::open(context, service);
  if (!client) return pass(client.error());
  const auto info = client->info(doing, nothing_sent);
  if (!info) return pass(info.error());
  if (auto good = check_server(service, *info, doing, nothing_sent); !good) return pass(good.error());
  if (info->is(redis_state::replica) && info->is(redis_state::link_down))
    return fail(Exit::unavailable,
                "cannot back up {}: the server is a replica that has lost its master, so what it holds is old; {}",
                service.name, nothing_sent);
  context.output.step("waiting for the server to save");
  if (auto saved = client->save(doing, nothing_sent); !saved) return pass(saved.error());
  context.output.step("fetching the dump");
  if (auto fetched = fetch_rdb(*client, spool, doing, nothing_sent); !fetched) return pass(fetched.error());
  const auto content = check_rdb(context, spool, nothing_sent);
  if (!content) return pass(content.error());
  if (content->keys == 0)
    return fail(
        Exit::bad_data,
        "the server of {} holds no keys, which after a loss must not look like a good backup; {}; if that is meant, take "
        "the service out of the policy",
        service.name, nothing_sent);
  TreeRead read;
  read.members = content->keys;
  if (auto described = describe_dump(context, spool, read); !described) return pass(described.error());
  return read;
}

}  // namespace backupctl::step
