#pragma once

#include <map>
#include <string>
#include <vector>

#include "gate/relay/redis_output.h"
#include "gate/step/database_client.h"

namespace backupctl::step {

/// What a server says of itself (INFO), as the relay's mode "redis-info" reads it.
struct RedisInfo {
  Record record;  ///< of that mode
  struct Keys {
    std::int64_t all = 0, expiring = 0;
  };
  std::map<std::int64_t, Keys> databases = {};  ///< those that hold any, by number
  [[nodiscard]] bool is(std::int64_t state) const { return (record.number[0] & state) != 0; }
  [[nodiscard]] std::int64_t keys() const;
};

/// Redis' own program redis-cli, run once for each thing that is asked of a server; no connection outlives its question.
class RedisClient {
 public:
  /// For what is answered at once: redis-cli has no limit for connecting, and none for TLS.
  static constexpr std::chrono::seconds answer_limit{20};

  /// Reads the password, and looks for the program. Error: Exit::bad_config, what is missing, or not root's alone.
  static Result<RedisClient> open(Context& context, const policy::Service& service);
  /// Of a server of ours, by the path of its socket on this host.
  static RedisClient of_socket(Context& context, const policy::Service& service, std::string socket);

  /// Runs redis-cli with these arguments. @param what  in, spool, listener, on_record and limit are the caller's
  Result<ClientRun> run(const std::vector<std::string>& args, DatabaseClient what);
  /// A single command. @param doing, state  as error() takes them. @param limit  0: as long as the session
  Result<> say(const std::vector<std::string>& command, const std::string& doing, const std::string& state,
               std::chrono::seconds limit = answer_limit);
  /// @param silent  set where nobody listens at the server's address, which ends with an Error
  Result<RedisInfo> info(const std::string& doing, const std::string& state, bool* silent = nullptr);

  /// Has the server save what it holds (BGSAVE), and waits for the end: a save of its own that runs is waited for first. The
  /// save is ours, and good, when the server took the command, is the same run still, saves no more, calls the last save good,
  /// and tells another time of it than before (LASTSAVE); that counts seconds, so the one before is let pass.
  /// Error: Exit::io_error, the server cannot save; Exit::unavailable, it was restarted.
  Result<> save(const std::string& doing, const std::string& state);
  /// The same of the append-only file (BGREWRITEAOF).
  Result<> rewrite(const std::string& doing, const std::string& state);

  /// What a run that ended badly means. @param doing  "back up", as errors call it; @param state  what it means: "nothing was
  /// sent"
  [[nodiscard]] Error error(const ClientRun& run, const std::string& doing, const std::string& state) const;

 private:
  RedisClient(Context& context, const policy::Service& service) : context_(&context), service_(&service) {}
  /// @return what the server says once it neither saves nor rewrites
  Result<RedisInfo> wait_until_idle(const std::string& doing, const std::string& state);
  /// Gives a command that starts something, once nothing else runs. @return what the server said before it
  Result<RedisInfo> start(const std::string& command, const std::string& doing, const std::string& state);
  Context* context_;
  const policy::Service* service_;
  std::string socket_;
  vault::SecretText password_;
};

/// Lets time pass between two questions, within the session; each time longer, from 0.2 to 2 s.
class Pause {
 public:
  explicit Pause(Context& context) : context_(context) {}
  Result<> wait();

 private:
  Context& context_;
  std::chrono::milliseconds span_{200};
};

}  // namespace backupctl::step
