#include "gate/guardian/guard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>

#include <algorithm>

#include "gate/journal/journal.h"
#include "gate/lease/guardian.h"
#include "gate/lease/store.h"
#include "gate/state/exchange_record.h"
#include "gate/state/lock.h"
#include "gate/step/runner.h"
#include "gate/step/service_start.h"

namespace backupctl::guardian {
namespace {

using std::chrono::seconds;

constexpr seconds look_every{2};
constexpr seconds first_retry{10};
constexpr seconds longest_retry{300};
constexpr seconds time_to_start{600};  ///< the ceiling of a start (policy.md, timeouts)
constexpr seconds endless{std::chrono::hours(24 * 365)};

/// Where a process without a client says nothing: its words are the journal's.
UniqueFd nowhere() { return UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC)); }

void tell(const state::StateDir& state, const std::string& service, const std::string& why, const Result<>& done) {
  const std::string text =
      done ? "started by the host: " + why : "could not be started by the host (" + why + "): " + done.error().sentence;
  const auto said = journal::append(state, {"guardian", {{"service", service}, {"text", text}}}, journal::Durability::later);
  if (!said || !done) ::syslog(LOG_AUTHPRIV | LOG_WARNING, "backupctl: %s %s", service.c_str(), text.c_str());
}

/// Starts what the lease lists, with a session of its own.
Result<> start(const state::StateDir& state, const std::string& service, const std::string& why) {
  const UniqueFd out = nowhere();
  monitor::Output output(false, "guardian " + service, out.get());
  monitor::Session session(output, time_to_start, false);
  const auto ended = step::end_lease(state, session, service);
  const Result<> done = ended ? Result<>{} : Result<>(pass(ended.error()));
  if (!ended || ended->has_value()) tell(state, service, why, done);
  return done;
}

/// Whether a step of the service is running. The lock is asked for and given back at once.
bool is_busy(const state::StateDir& state, const std::string& service) {
  const auto lock = state::Lock::try_take(state, "service-" + service);
  return lock && !lock->has_value();
}

/// Watches under the guardian's lock until the service has no lease. Error: as guard().
Result<> watch(const state::StateDir& state, monitor::Session& session, const std::string& service, const std::string& boot) {
  std::int64_t active = lease::boot_clock();
  seconds retry = first_retry;
  auto not_before = monitor::Clock::now();
  for (;;) {
    struct stat st {};
    if (::fstat(state.fd(), &st) != 0 || st.st_nlink == 0) return fail(Exit::io_error, "the state directory is gone");
    const auto lease = lease::read(state.fd(), service);
    if (lease && !lease->has_value()) return {};
    if (is_busy(state, service)) active = lease::boot_clock();
    // A damaged lease names nothing to start; --status and --check say so, and a mended one is taken up again.
    if (lease && monitor::Clock::now() >= not_before) {
      const bool idle = lease::boot_clock() - active >= (*lease)->idle * 1'000'000'000;
      const bool due = lease::is_due(**lease, boot);
      if (due || idle) {
        if (start(state, service, due ? "max_down has passed" : "no step has run for idle_down")) continue;
        not_before = monitor::Clock::now() + retry;
        retry = std::min(longest_retry, retry * 2);
      }
    }
    if (auto waited = session.wait({}, monitor::Clock::now() + look_every); !waited) return pass(waited.error());
  }
}

}  // namespace

Result<> recover_files(const state::StateDir& state, bool early) {
  const UniqueFd out = nowhere();
  monitor::Output output(false, "recover", out.get());
  monitor::Session session(output, time_to_start, false);
  Result<> first;
  for (const std::string& service : state::list_exchanges(state)) {
    const auto lock = state::Lock::try_take(state, "service-" + service);
    if (!lock || !lock->has_value()) continue;  // who holds it sees to it
    if (auto whole = step::settle_restore(state, session, service, early); !whole && first) first = pass(whole.error());
  }
  return first;
}

Result<> guard(const state::StateDir& state, const std::string& service) {
  const auto boot = lease::boot_id();
  if (!boot) return pass(boot.error());
  const UniqueFd out = nowhere();
  monitor::Output output(false, "guardian " + service, out.get());
  monitor::Session session(output, endless, false);
  for (;;) {
    {
      auto lock = state::Lock::try_take(state, lease::guardian_lock(service));
      if (!lock) return pass(lock.error());
      if (!lock->has_value()) return {};
      if (auto watched = watch(state, session, service, *boot); !watched) return watched;
    }
    // A stop that found the lock taken counts on this process: its lease was written before it looked.
    const auto lease = lease::read(state.fd(), service);
    if (lease && !lease->has_value()) return {};
  }
}

Result<int> recover(const state::StateDir& state, const std::string& policy_path) {
  const auto boot = lease::boot_id();
  if (!boot) return pass(boot.error());
  const auto services = lease::list(state.fd());
  if (!services) return pass(services.error());
  const UniqueFd out = nowhere();
  monitor::Output output(false, "recover", out.get());
  int started = 0;
  std::optional<Error> first;
  // Also where no lease starts the service: others may.
  if (auto whole = recover_files(state, false); !whole) first = whole.error();
  for (const std::string& service : *services) {
    const auto lease = lease::read(state.fd(), service);
    Result<> done;
    if (!lease) {
      done = pass(lease.error());
    } else if (lease->has_value() && lease::is_due(**lease, *boot)) {
      done = start(state, service, "found by --recover");
      if (done) ++started;
    } else if (lease->has_value()) {
      monitor::Session session(output, seconds(60), false);
      done = lease::ensure_guardian(state, step::controller_runner(session), policy_path, service);
    }
    if (!done && !first) first = done.error();
  }
  if (first) return pass(*first);
  return started;
}

}  // namespace backupctl::guardian
