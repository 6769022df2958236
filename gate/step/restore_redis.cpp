#include "gate/step/restore_redis.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/state/kept.h"
#include "gate/step/dump_redis.h"
#include "gate/step/helpers.h"
#include "gate/step/in_place.h"
#include "gate/step/in_place_end.h"
#include "gate/step/redis_commands.h"
#include "gate/step/redis_wake.h"
#include "gate/step/restore_server.h"

namespace backupctl::step {
namespace {

namespace redis_state = relay::redis_state;

constexpr const char* restoring = "restore";
constexpr const char* untouched = "nothing was touched";
constexpr const char* not_touched = "not touched";  ///< mark of what is kept while the server holds it, too
constexpr std::size_t most_lines = 100;             ///< databases that are told one by one
constexpr std::int64_t with_functions = 7;    ///< the version since which a server has functions, which no FLUSHALL removes
constexpr const char* silence_limit = "120";  ///< seconds without an answer after the last command was sent

std::string broken_off(const policy::Service& service) {
  return fmt::format(
      "the server may hold a part: say the same --restore again, or --restore-rollback {} for what it held before",
      service.name);
}

/// D6, X6: what was fetched is what was signed.
Result<> verify_signed(Context& context, const StoredArchive& stored, int dump) {
  context.output.step("verifying every byte and key");
  if (::lseek(dump, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the fetched dump");
  const auto hashed = run_relay(context, {"hash"}, dump);
  if (!hashed) return pass(hashed.error());
  if (hashed->number[0] == stored.manifest.number[0] && hashed->digest == stored.manifest.digest) return {};
  return fail(Exit::bad_data,
              "{} from {} is not what its signed manifest says (size or SHA-256): {}; try another remote of it (--remote), or "
              "another date",
              stored.name, stored.remote->name, untouched);
}

/// @return the keys that redis-check-rdb finds in it, to its end
Result<std::int64_t> count_keys(Context& context, int dump) {
  auto spool = copy_to_spool(context, dump);
  if (!spool) return pass(spool.error());
  const auto checked = check_rdb(context, *spool, untouched);
  if (!checked) return pass(checked.error());
  return checked->keys;
}

/// A dump that redis-check-rdb reads to its end, as commands.
Result<RedisCommands> read_dump(Context& context, const policy::Service& service, int dump) {
  if (auto counted = count_keys(context, dump); !counted) return pass(counted.error());
  context.output.step("reading the dump into a server of this host's own");
  return commands_of(context, service, dump);
}

/// That the server can be emptied and filled.
Result<RedisInfo> look_at_server(const policy::Service& service, RedisClient& client) {
  bool silent = false;
  auto info = client.info(restoring, untouched, &silent);
  if (!info && silent)
    return fail(info.error().exit, "{}; if it does not start any more, see \"Loss of Redis\" in backupctl-recovery(7)",
                info.error().sentence);
  if (!info) return info;
  if (auto good = check_server(service, *info, restoring, untouched); !good) return pass(good.error());
  if (info->is(redis_state::replica))
    return fail(Exit::bad_config,
                "cannot restore {}: the server is a replica, and holds what its master does: restore the master; {}",
                service.name, untouched);
  return info;
}

/// A server of fewer databases would take the keys of the others into the one before.
Result<> check_databases(RedisClient& client, const RedisInfo& held) {
  if (held.databases.empty()) return {};
  const std::string last = std::to_string(held.databases.rbegin()->first);
  auto command = memory_file(fmt::format("*2\r\n$6\r\nSELECT\r\n${}\r\n{}\r\n", last.size(), last));
  if (!command) return pass(command.error());
  const auto said = client.run({"--pipe"}, {.in = command->get(), .limit = std::chrono::seconds(40)});
  if (!said) return pass(said.error());
  if (said->status != 0) return pass(client.error(*said, restoring, untouched));
  return {};
}

/// D6: what the server holds, put aside and known to be whole, before it is touched. What an attempt that was broken off had
/// put aside is what was there before the first.
/// @return whether it was put aside now
Result<bool> keep_old(Context& context, const policy::Service& service, RedisClient& client) {
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value() && (*kept)->mark != not_touched) return false;
  context.output.step("keeping what is there now");
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  if (auto fetched = fetch_rdb(client, *spool, restoring, untouched); !fetched) return pass(fetched.error());
  if (auto checked = check_rdb(context, *spool, untouched); !checked) return pass(checked.error());
  const UniqueFd dump = open_beneath(spool->fd(), "archive", O_RDONLY);
  if (!dump) return fail_errno(Exit::io_error, errno, "cannot read in {}; {}", spool->path(), untouched);
  auto file = state::begin_kept(context.state, service.name);
  if (!file) return pass(file.error());
  if (auto copied = copy_file(dump.get(), file->get()); !copied) return pass(copied.error());
  if (auto kept_now = state::keep(context.state, service.name, *file, "", not_touched); !kept_now)
    return pass(kept_now.error());
  return true;
}

/// @param mine  what was there was put aside for this attempt, so that it goes again if the server does not let itself be
/// emptied
Result<> empty(Context& context, const policy::Service& service, RedisClient& client, const RedisInfo& before, bool mine) {
  const std::string part = broken_off(service);
  // From here on what is kept is the only copy.
  if (auto begun = state::reopen_kept(context.state, service.name); !begun) return begun;
  const auto flushed = client.run({"FLUSHALL"}, {});
  if (!flushed) return fail(flushed.error().exit, "{}; {}", flushed.error().sentence, part);
  if (flushed->status != 0) {
    const auto now = client.info(restoring, part);
    const bool same = now && now->record.number[3] == before.record.number[3] && now->keys() == before.keys();
    if (same && mine)
      if (auto removed = state::remove_kept(context.state, service.name); !removed) return removed;
    return pass(client.error(*flushed, restoring, same && mine ? untouched : part));
  }
  if (before.record.number[6] < with_functions) return {};
  return client.say({"FUNCTION", "FLUSH"}, restoring, part);
}

Result<> send(Context& context, const policy::Service& service, RedisClient& client, const RedisCommands& commands) {
  const std::string part = broken_off(service);
  context.output.step("sending what the dump holds");
  const auto sent = client.run({"--pipe", "--pipe-timeout", silence_limit}, {.in = commands.file.get()});
  if (!sent) return fail(sent.error().exit, "{}; {}", sent.error().sentence, part);
  if (sent->status != 0) return pass(client.error(*sent, restoring, part));
  return {};
}

/// D7: keys of each database beside what the commands make. Those that expire may have since; with clients any may come and go.
Result<> compare(Context& context, const policy::Service& service, const RedisInfo& held, const RedisInfo& found,
                 bool with_clients) {
  std::string wrong;
  std::size_t lines = 0;
  std::map<std::int64_t, RedisInfo::Keys> expected = held.databases;
  for (const auto& [number, keys] : found.databases) expected.try_emplace(number);
  for (const auto& [number, keys] : expected) {
    const auto it = found.databases.find(number);
    const std::int64_t there = it == found.databases.end() ? 0 : it->second.all;
    if (there > keys.all || there < keys.all - keys.expiring)
      wrong += fmt::format("{}database {} has {} keys instead of {}", wrong.empty() ? "" : ", ", number, there, keys.all);
    else if (++lines <= most_lines)
      context.output.text(fmt::format("database {}  {} keys", number, there));
  }
  if (wrong.empty()) return {};
  if (with_clients) {
    context.output.note(fmt::format("other clients write to the server: {}", wrong), true);
    return {};
  }
  return fail(
      Exit::bad_data,
      "restored {}, but not what the dump holds: {} (did the server evict keys, or somebody write?); what was there is kept "
      "until --restore-commit {} or --restore-rollback {}",
      service.name, wrong, service.name, service.name);
}

/// What was sent survives the server: it saves, and writes its append-only file anew where it has one.
Result<> make_durable(Context& context, RedisClient& client, const RedisInfo& found) {
  constexpr const char* state =
      "what was restored is there, and is lost if the server ends: see to its disk, then have it save";
  constexpr const char* doing = "make durable what was restored of";
  context.output.step("waiting for the server to save");
  if (found.is(redis_state::append_only))
    if (auto written = client.rewrite(doing, state); !written) return written;
  return client.save(doing, state);
}

Result<Report> fill(Context& context, const policy::Service& service, RedisClient& client, const RedisInfo& before,
                    const RedisCommands& commands, bool mine, bool with_clients, std::string text) {
  if (auto emptied = empty(context, service, client, before, mine); !emptied) return pass(emptied.error());
  if (auto sent = send(context, service, client, commands); !sent) return pass(sent.error());
  const auto found = client.info(restoring, broken_off(service));
  if (!found) return pass(found.error());
  const auto same = compare(context, service, commands.held, *found, with_clients);
  const auto durable = make_durable(context, client, *found);
  if (auto concluded = state::conclude_kept(context.state, service.name); !concluded) return pass(concluded.error());
  if (!same) return pass(same.error());
  if (!durable) return pass(durable.error());
  if (found->is(redis_state::append_only))
    text += "; the server's append-only files are on, and hold what was restored (of a dump.rdb it would have read nothing)";
  return Report{std::move(text),
                {monitor::number_field("databases", static_cast<std::int64_t>(found->databases.size())),
                 monitor::number_field("keys", found->keys())}};
}

std::int64_t others_of(const RedisInfo& info) { return info.record.number[4] - 1; }  // the one that asks is no other

/// D7: nobody finds the server emptied who was not meant to.
Result<> check_alone(const policy::Service& service, const RestoreWish& wish, const RedisInfo& info) {
  if (others_of(info) <= 0 || wish.with_clients) return {};
  return fail(Exit::unavailable,
              "{} other clients are connected to the server of {}, and would find it emptied under them: stop what uses it, or "
              "say --with-clients; {}",
              others_of(info), service.name, untouched);
}

/// Everything that is to be restored is verified; what is there is kept, and replaced.
Result<Report> replace(Context& context, const policy::Service& service, const RestoreWish& wish, RedisClient& client,
                       const RedisCommands& commands) {
  const auto before = look_at_server(service, client);
  if (!before) return pass(before.error());
  if (auto alone = check_alone(service, wish, *before); !alone) return pass(alone.error());
  if (auto enough = check_databases(client, commands.held); !enough) return pass(enough.error());
  const auto mine = keep_old(context, service, client);
  if (!mine) return pass(mine.error());
  // Keeping the old takes its time, and what uses the server may have come back meanwhile.
  const auto now = look_at_server(service, client);
  const auto alone = now ? check_alone(service, wish, *now) : pass(now.error());
  if (!alone) {
    if (*mine)
      if (auto removed = state::remove_kept(context.state, service.name); !removed) return pass(removed.error());
    return pass(alone.error());
  }
  return fill(context, service, client, *before, commands, *mine, wish.with_clients,
              fmt::format("restored the server; what was there is kept until --restore-commit {} or --restore-rollback {}",
                          service.name, service.name));
}

}  // namespace

Result<std::int64_t> verify_rdb(Context& context, const StoredArchive& stored, int dump) {
  if (auto verified = verify_signed(context, stored, dump); !verified) return pass(verified.error());
  return count_keys(context, dump);
}

Result<Report> restore_redis(Context& context, const policy::Service& service, const RestoreWish& wish,
                             const std::string& keys) {
  if (!wish.into.empty() || !wish.table.empty())
    return fail(Exit::not_a_request, "--into and --table are for PostgreSQL; nothing was done");
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value() && (*kept)->concluded)
    return fail(
        Exit::unavailable,
        "what an earlier restore of {} replaced is kept still: choose --restore-commit {} or --restore-rollback {} first; "
        "nothing was done",
        service.name, service.name, service.name);
  auto client = RedisClient::open(context, service);
  if (!client) return pass(client.error());
  const auto stored = find_wished(context, service, wish, keys, true);
  if (!stored) return pass(stored.error());
  const auto dump = fetch(context, service, *stored);
  if (!dump) return pass(dump.error());
  if (auto verified = verify_signed(context, *stored, dump->get()); !verified) return pass(verified.error());
  const auto commands = read_dump(context, service, dump->get());
  if (!commands) return pass(commands.error());
  const auto aside = wake_server(context, service, *client);
  if (!aside) return pass(aside.error());
  auto report = replace(context, service, wish, *client, *commands);
  if (!report) return aside->empty() ? report : fail(report.error().exit, "{}; {}", report.error().sentence, *aside);
  if (!aside->empty()) report->text += "; " + *aside;
  return with_origin(context, service, std::move(*report), *stored);
}

Result<Report> rollback_redis(Context& context, const policy::Service& service) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return pass(lock.error());
  const auto kept = kept_of(context, service);
  if (!kept) return pass(kept.error());
  auto client = RedisClient::open(context, service);
  if (!client) return pass(client.error());
  const auto commands = read_dump(context, service, kept->file.get());
  if (!commands) return pass(commands.error());
  const auto before = look_at_server(service, *client);
  if (!before) return pass(before.error());
  if (const std::int64_t others = others_of(*before); others > 0)
    context.output.note(fmt::format("{} other clients are connected to the server of {}, and find it emptied and filled again "
                                    "under them: what they write meanwhile may be lost",
                                    others, service.name),
                        true);
  context.output.step("putting back what was there");
  if (auto reopened = state::reopen_kept(context.state, service.name); !reopened) return pass(reopened.error());
  auto report = fill(context, service, *client, *before, *commands, false, others_of(*before) > 0,
                     "what was there before the restore is there again");
  if (!report) return report;
  if (auto removed = state::remove_kept(context.state, service.name); !removed) return pass(removed.error());
  tell_journal(context, service.name, report->text);
  return report;
}

}  // namespace backupctl::step
