#include "gate/step/redis_wake.h"

#include <algorithm>

#include "gate/lease/store.h"
#include "gate/state/kept.h"
#include "gate/step/in_place_end.h"
#include "gate/step/redis_files.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"
#include "gate/step/service_stop.h"
#include "gate/step/while_stopped.h"

namespace backupctl::step {
namespace {

namespace redis_state = relay::redis_state;

constexpr const char* restoring = "restore";
constexpr const char* untouched = "nothing was touched";
constexpr const char* ways_on =
    "the server's log says what is wrong, and \"Loss of Redis\" in backupctl-recovery(7) what to do";
/// Longer than systemd forbids another start after too many (systemd-system.conf(5), DefaultStartLimitIntervalSec: 10 s).
constexpr std::chrono::seconds patience{15};

/// Whether the server answers and has read its data; not: nobody listened all that time, or it ended while it read. One that
/// ends each connection listens: a port that wants TLS does so, and a server that is just ending, which is silent next.
Result<bool> is_heard(Context& context, const policy::Service& service, RedisClient& client, std::chrono::seconds within) {
  const auto began = monitor::Clock::now();
  auto heard = began;
  std::int64_t run = 0;
  bool silence = false;
  for (Pause pause(context);;) {
    const auto info = client.info(restoring, untouched, &silence);
    const auto now = monitor::Clock::now();
    if (info && !info->is(redis_state::loading)) return true;
    if (info) {
      if (run != 0 && run != info->record.number[3]) return false;  // another run: the one before ended in the middle
      run = info->record.number[3];
      heard = now;
      if (now - began > context.policy.gate.timeouts.start)
        return fail(Exit::unavailable, "cannot restore {}: the server has read its data for {} s and is not done; {}",
                    service.name, context.policy.gate.timeouts.start.count(), untouched);
    } else if (context.session.over() || info.error().exit != Exit::unavailable) {
      return pass(info.error());
    } else if (now - heard >= (silence || run != 0 ? within : patience)) {
      return silence || run != 0 ? Result<bool>(false) : pass(info.error());
    }
    if (auto waited = pause.wait(); !waited) return pass(waited.error());
  }
}

Result<service::ServiceState> ask(Context& context, const policy::Service& service, const policy::Controller& controller,
                                  bool leased) {
  return service::query(controller, service.name, controller_runner(context.session),
                        leased ? std::optional(false) : std::nullopt);
}

/// With the service at rest. @return as wake_server()
Result<std::string> clear(Context& context, const policy::Service& service, const policy::Controller& controller, int dir) {
  const auto damaged = damaged_files(context, service, dir);
  if (!damaged) return pass(damaged.error());
  if (damaged->empty()) return std::string();
  const auto state = ask(context, service, controller, true);
  if (!state) return pass(state.error());
  if (!state->at_rest())
    return fail(Exit::unavailable,
                "something else started {} while its files were checked; see what does; nothing was set aside", service.name);
  // The lease starts all of it: what stands still may be the server itself, which the damage ended.
  if (auto leased = stop_service(context, service, controller, state->stopped); !leased) return pass(leased.error());
  // What an attempt that was broken off has kept is what was there; after this there is nothing to keep anew (D6).
  if (auto only = state::reopen_kept(context.state, service.name); !only) return pass(only.error());
  const auto places = set_aside(service, dir, *damaged);
  if (!places) return places;
  std::string text = fmt::format("its append-only files were damaged, and are set aside as {}", *places);
  tell_journal(context, service.name, text);
  context.output.note(text, true);
  return text;
}

Result<std::string> restart(Context& context, const policy::Service& service, const policy::Controller& controller,
                            RedisClient& client, int dir, const service::Names& running) {
  context.output.step("stopping the service");
  if (auto stopped = stop_service(context, service, controller, running); !stopped) return pass(stopped.error());
  const auto aside = clear(context, service, controller, dir);
  const auto lease = lease::read(context.state.fd(), service.name);
  if (!lease) return pass(lease.error());
  context.output.step("starting the service");
  const auto started = lease->has_value() ? start_again(context, **lease) : Result<>{};
  if (!aside && !started) return fail(aside.error().exit, "{}; {}", aside.error().sentence, started.error().sentence);
  if (!aside) return aside;
  const std::string what = aside->empty() ? "redis-check-aof finds nothing wrong with its append-only files" : *aside;
  if (!started)
    return fail(started.error().exit, "cannot restore {}: {}; {}; {}", service.name, what, started.error().sentence, ways_on);
  const auto heard = is_heard(context, service, client, patience);
  if (!heard) return fail(heard.error().exit, "{}; {}", heard.error().sentence, what);
  if (!*heard)
    return fail(Exit::unavailable, "cannot restore {}: the server does not answer, {} s after it was started; {}; {}",
                service.name, patience.count(), what, ways_on);
  return aside;
}

}  // namespace

Result<std::string> wake_server(Context& context, const policy::Service& service, RedisClient& client) {
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr || service.redis.data_dir.empty()) return std::string();
  auto heard = is_heard(context, service, client, std::chrono::seconds(0));
  if (!heard) return pass(heard.error());
  if (*heard) return std::string();
  const auto lock = hold_service(context, service.name, "nothing was restored");
  if (!lock) return pass(lock.error());
  const auto dir = open_data_dir(service);
  if (!dir) return pass(dir.error());
  const auto lease = lease::read(context.state.fd(), service.name);
  if (!lease) return pass(lease.error());
  auto state = ask(context, service, *controller, lease->has_value());
  if (!state) return pass(state.error());
  const bool stands = state->at_rest();
  if (stands && !lease->has_value()) {
    const auto damaged = damaged_files(context, service, dir->get());
    if (!damaged) return pass(damaged.error());
    if (damaged->empty())
      return fail(Exit::unavailable,
                  "cannot restore {}: it is stopped, and redis-check-aof finds nothing wrong with its append-only files: start "
                  "it, then say the same --restore again; {}",
                  service.name, untouched);
    context.output.step("starting the service, to see whether it reads its files");
    static_cast<void>(service::start(*controller, service.name, state->stopped,
                                     std::min(context.session.left(), context.policy.gate.timeouts.start),
                                     controller_runner(context.session)));
  }
  if (!stands || !lease->has_value()) {
    context.output.step("waiting for the server");
    heard = is_heard(context, service, client, patience);
    if (!heard) return pass(heard.error());
    if (*heard) return std::string();
    state = ask(context, service, *controller, lease->has_value());
    if (!state) return pass(state.error());
  }
  // One that runs and whose files are whole may as well be listening elsewhere: nothing is stopped on a guess (S2). Files that
  // it is writing may be called damaged; they are checked again when it stands still.
  if (!state->at_rest()) {
    const auto damaged = damaged_files(context, service, dir->get());
    if (!damaged) return pass(damaged.error());
    if (damaged->empty())
      return fail(
          Exit::unavailable,
          "cannot restore {}: it runs, redis-check-aof finds nothing wrong with its append-only files, and nobody listens "
          "at {} port {}: see redis.host and redis.port, and the server's log; {}",
          service.name, service.redis.host, service.redis.port, untouched);
  }
  return restart(context, service, *controller, client, dir->get(), state->to_stop());
}

}  // namespace backupctl::step
