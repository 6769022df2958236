#include "gate/step/redis_client.h"

#include <algorithm>

#include "common/io.h"

namespace backupctl::step {
namespace {

namespace redis_state = relay::redis_state;

constexpr const char* program = "/usr/bin/redis-cli";  // Debian, redis-tools
constexpr std::string_view no_answer = "the server does not answer";
constexpr const char* host_certificates = "/etc/ssl/certs/ca-certificates.crt";

/// What redis-cli and the server say (Redis 6.2 to 7.2), and what it means. What comes first is the reason of what follows.
struct Hint {
  std::string_view part;
  Exit exit;
  std::string_view words;
};
constexpr Hint hints[] = {
    {"WRONGPASS", Exit::unavailable,
     "the server does not accept the user or the password (put the right one into redis.password_file)"},
    {"without any password configured", Exit::bad_config, "the server wants no password (take redis.password_file out)"},
    {"NOAUTH", Exit::bad_config, "the server wants a password, and the policy names no redis.password_file"},
    {"NOPERM", Exit::bad_config, "the user lacks a right on the server (backupctl-policy(5) says which are needed)"},
    {"unknown command", Exit::bad_config, "the server does not have the command, or under another name"},
    {"LOADING", Exit::unavailable, "the server is still reading its data"},
    {"MISCONF", Exit::unavailable, "the server takes no writes since it cannot save (look at its disk)"},
    {"READONLY", Exit::bad_config, "the server is a replica, and takes no writes but its master's"},
    {"OOM command not allowed", Exit::unavailable, "the server's maxmemory is reached"},
    {"DB index is out of range", Exit::bad_config, "the server has fewer databases (see its setting databases)"},
    {"NOREPLICAS", Exit::unavailable, "the server has fewer replicas than it wants for writes"},
    {"certificate verify failed", Exit::bad_config, "the server's certificate is not signed by one that is trusted"},
    {"wrong version number", Exit::bad_config, "the server has no TLS on this port"},
    {"SSL_connect failed", Exit::unavailable, "no TLS connection could be made"},
    {"No space left on device", Exit::io_error, "a disk is full"},
    {"Connection refused", Exit::unavailable, no_answer},
    {"Connection timed out", Exit::unavailable, no_answer},
    {"No route to host", Exit::unavailable, no_answer},
    {"No such file or directory", Exit::unavailable, "its socket is not there"},
    {"Name or service not known", Exit::unavailable, "the server's name is not known"},
    {"Temporary failure in name resolution", Exit::unavailable, "names cannot be looked up now"},
    {"Connection reset by peer", Exit::unavailable, "the server ended the connection"},
    {"Server closed the connection", Exit::unavailable, "the server ended the connection"},
    {"No replies for", Exit::unavailable, "the server answered no more"},
};

constexpr std::string_view restarted = "the server was restarted meanwhile";

/// What the first line that means something means, and that line; nullptr without one.
std::pair<const Hint*, const std::string*> meaning(const ClientRun& run) {
  for (const Hint& hint : hints)
    for (const std::string& line : run.words)
      if (line.find(hint.part) != std::string::npos) return {&hint, &line};
  return {nullptr, nullptr};
}

}  // namespace

std::int64_t RedisInfo::keys() const {
  std::int64_t sum = 0;
  for (const auto& [number, keys] : databases) sum += keys.all;
  return sum;
}

Result<> Pause::wait() {
  if (auto waited = context_.session.wait({}, monitor::Clock::now() + span_); !waited) return pass(waited.error());
  span_ = std::min<std::chrono::milliseconds>(span_ * 3 / 2, std::chrono::seconds(2));
  return {};
}

Result<RedisClient> RedisClient::open(Context& context, const policy::Service& service) {
  RedisClient client(context, service);
  if (auto found = open_trusted_program(program); !found)
    return fail(Exit::bad_config, "{}; install redis-tools, nothing was done", found.error().sentence);
  if (service.redis.password_file.empty()) return client;
  auto password = read_password(service.redis.password_file);
  if (!password) return pass(password.error());
  client.password_ = std::move(*password);
  return client;
}

RedisClient RedisClient::of_socket(Context& context, const policy::Service& service, std::string socket) {
  RedisClient client(context, service);
  client.socket_ = std::move(socket);
  return client;
}

Result<ClientRun> RedisClient::run(const std::vector<std::string>& args, DatabaseClient what) {
  const policy::Redis& settings = service_->redis;
  what.argv = {program, "-e"};
  what.env = {"LC_ALL=C.UTF-8", "HOME=/"};
  if (!socket_.empty()) {
    what.argv.insert(what.argv.end(), {"-s", socket_});
    what.socket = socket_;
  } else {
    what.argv.insert(what.argv.end(), {"-h", settings.host, "-p", std::to_string(settings.port)});
    what.network = true;
    // A user without a password takes an empty one, and redis-cli names the user only with one.
    if (!settings.user.empty()) what.argv.insert(what.argv.end(), {"--user", settings.user});
    if (!settings.user.empty() || !password_.bytes.empty()) what.secret = &password_, what.secret_variable = "REDISCLI_AUTH";
    if (settings.tls) {
      what.argv.insert(what.argv.end(), {"--tls", "--cacert", settings.tls_ca.empty() ? host_certificates : settings.tls_ca});
      if (!settings.tls_ca.empty()) what.certificates.push_back(settings.tls_ca);
    }
  }
  what.argv.insert(what.argv.end(), args.begin(), args.end());
  return run_client(*context_, what);
}

Result<> RedisClient::say(const std::vector<std::string>& command, const std::string& doing, const std::string& state,
                          std::chrono::seconds limit) {
  const auto said = run(command, {.limit = limit});
  if (!said) return pass(said.error());
  if (said->status != 0) return pass(error(*said, doing, state));
  return {};
}

Result<RedisInfo> RedisClient::info(const std::string& doing, const std::string& state, bool* silent) {
  RedisInfo info;
  const auto said = run({"INFO"}, {.listener = {"redis-info"},
                                   .on_record =
                                       [&](const Record& record) {
                                         if (record.kind != Record::Kind::entry) return false;
                                         info.databases[record.number[2]] = {record.number[0], record.number[1]};
                                         return true;
                                       },
                                   .limit = answer_limit});
  if (!said) return fail(said.error().exit, "cannot {} {}: {}; {}", doing, service_->name, said.error().sentence, state);
  if (said->status != 0) {
    const Hint* hint = meaning(*said).first;
    if (silent != nullptr && hint != nullptr && hint->words == no_answer) *silent = true;
    return pass(error(*said, doing, state));
  }
  info.record = said->listened;
  return info;
}

Result<RedisInfo> RedisClient::wait_until_idle(const std::string& doing, const std::string& state) {
  for (Pause pause(*context_);;) {
    auto now = info(doing, state);
    if (!now || !now->is(redis_state::saving | redis_state::rewriting)) return now;
    if (auto waited = pause.wait(); !waited) return pass(waited.error());
  }
}

Result<RedisInfo> RedisClient::start(const std::string& command, const std::string& doing, const std::string& state) {
  for (Pause pause(*context_);;) {
    auto before = wait_until_idle(doing, state);
    if (!before) return before;
    if (before->record.number[1] != before->record.number[2]) {
      const auto said = run({command}, {.limit = answer_limit});
      if (!said) return pass(said.error());
      if (said->status == 0) return before;
      // The server may have begun one of its own since then.
      const auto after = info(doing, state);
      if (!after) return after;
      if (!after->is(redis_state::saving | redis_state::rewriting)) return pass(error(*said, doing, state));
    }
    if (auto waited = pause.wait(); !waited) return pass(waited.error());
  }
}

Result<> RedisClient::save(const std::string& doing, const std::string& state) {
  const auto before = start("BGSAVE", doing, state);
  if (!before) return pass(before.error());
  const auto after = wait_until_idle(doing, state);
  if (!after) return pass(after.error());
  if (after->record.number[3] != before->record.number[3])
    return fail(Exit::unavailable, "cannot {} {}: {}; {}", doing, service_->name, restarted, state);
  if (after->is(redis_state::save_failed) || after->record.number[1] == before->record.number[1])
    return fail(
        Exit::io_error,
        "cannot {} {}: the server could not save what it holds (a full disk or a missing right; its log says which); {}", doing,
        service_->name, state);
  return {};
}

Result<> RedisClient::rewrite(const std::string& doing, const std::string& state) {
  const auto before = start("BGREWRITEAOF", doing, state);
  if (!before) return pass(before.error());
  const auto after = wait_until_idle(doing, state);
  if (!after) return pass(after.error());
  if (after->record.number[3] != before->record.number[3])
    return fail(Exit::unavailable, "cannot {} {}: {}; {}", doing, service_->name, restarted, state);
  if (after->is(redis_state::rewrite_failed))
    return fail(Exit::io_error,
                "cannot {} {}: the server could not write its append-only file (a full disk or a missing right; its log says "
                "which); {}",
                doing, service_->name, state);
  return {};
}

Error RedisClient::error(const ClientRun& run, const std::string& doing, const std::string& state) const {
  if (const auto [hint, line] = meaning(run); hint != nullptr)
    return {hint->exit, fmt::format("cannot {} {}: {} ({}); {}", doing, service_->name, hint->words, *line, state)};
  if (run.status == 128 + SIGKILL)
    return {Exit::unavailable, fmt::format("cannot {} {}: the server does not answer in {} s (a port without TLS, or with it, "
                                           "does so too); {}",
                                           doing, service_->name, answer_limit.count(), state)};
  return {Exit::unavailable, fmt::format("cannot {} {}: {}; {}", doing, service_->name,
                                         run.words.empty() ? "redis-cli said nothing" : run.words.back(), state)};
}

}  // namespace backupctl::step
