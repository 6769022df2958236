#include "gate/step/service_start.h"

#include <algorithm>

#include "gate/journal/journal.h"
#include "gate/lease/downtime.h"
#include "gate/lease/store.h"
#include "gate/state/acting.h"
#include "gate/state/exchange.h"
#include "gate/step/runner.h"

namespace backupctl::step {
namespace {

constexpr std::chrono::hours longest_stop{24};
constexpr std::chrono::seconds grace_of_a_step{20};  ///< for what still reads the service, between SIGTERM and SIGKILL

/// Files do not change beneath a service that runs on them. Without a lease it did not run before the restore either.
Result<> bring_to_rest(const state::StateDir& state, monitor::Session& session, const std::string& service, bool early) {
  const auto lease = lease::read(state.fd(), service);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return {};
  const service::Runner run = controller_runner(session);
  const auto now = service::query((*lease)->controller, service, run, false);
  if (!now && early && (*lease)->boot_id != lease::boot_id()) return {};
  if (!now) return pass(now.error());
  return service::stop((*lease)->controller, service, now->to_stop(), std::min<policy::Seconds>(session.left(), longest_stop),
                       stopping_runner(session, state, service));
}

}  // namespace

std::string start_lock(const std::string& service) { return "start-" + service; }

Result<> settle_restore(const state::StateDir& state, monitor::Session& session, const std::string& service, bool early) {
  const auto record = state::read_exchange(state, service);
  if (!record) return pass(record.error());
  if (!record->has_value() || !(*record)->broken_off()) return {};
  if (auto rests = bring_to_rest(state, session, service, early); !rests)
    return fail(rests.error().exit,
                "a restore of {} was broken off, the service runs on what may be a mixture, and it could not be stopped: {}",
                service, rests.error().sentence);
  const auto undone = state::settle_exchange(state, service);
  if (!undone) return pass(undone.error());
  if (*undone)
    static_cast<void>(journal::append(
        state,
        {"restore", {{"service", service}, {"text", "a restore that was broken off is undone: " + (*record)->gone_back()}}},
        journal::Durability::later));
  return {};
}

Result<std::vector<state::Lock>> clear_the_way(const state::StateDir& state, monitor::Session& session,
                                               const std::string& service) {
  session.see_through();
  std::vector<state::Lock> locks;
  auto start = state::take_any(
      state, {start_lock(service)}, session.left(), session,
      fmt::format("another start of {} has not ended, so nothing was done; see backupctl --status {}", service, service));
  if (!start) return pass(start.error());
  locks.push_back(std::move(*start));
  auto idle = state::take_over(state, "service-" + service, grace_of_a_step, session);
  if (!idle) return pass(idle.error());
  locks.push_back(std::move(*idle));
  if (auto ended = state::end_left_acting(state, service, grace_of_a_step, session); !ended) return pass(ended.error());
  if (auto whole = settle_restore(state, session, service); !whole) return pass(whole.error());
  return locks;
}

Result<std::optional<lease::Lease>> end_lease(const state::StateDir& state, monitor::Session& session,
                                              const std::string& name) {
  auto lease = lease::read(state.fd(), name);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return lease;
  auto locks = clear_the_way(state, session, name);
  if (!locks) return pass(locks.error());
  // Another start may have ended it while this one waited.
  lease = lease::read(state.fd(), name);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return lease;
  const auto run = controller_runner(session);
  if (auto started = service::start((*lease)->controller, name, (*lease)->units, session.left(), run); !started)
    return pass(started.error());
  lease::note_started(state, **lease);
  if (auto ended = lease::remove(state.fd(), name); !ended) return pass(ended.error());
  return lease;
}

}  // namespace backupctl::step
