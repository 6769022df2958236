#include "gate/step/service_start.h"

#include "gate/lease/store.h"
#include "gate/state/lock.h"
#include "gate/step/runner.h"

namespace backupctl::step {

Result<std::optional<lease::Lease>> end_lease(const state::StateDir& state, monitor::Session& session, const std::string& name) {
  auto lease = lease::read(state.fd(), name);
  if (!lease) return pass(lease.error());
  if (!lease->has_value()) return lease;
  // Who starts the service first ends what still reads it as if it stood still (architecture.md, "Leases").
  auto lock = state::take_over(state, "service-" + name, std::chrono::seconds(20), session);
  if (!lock) return pass(lock.error());
  const auto run = controller_runner(session);
  if (auto started = service::start((*lease)->controller, name, (*lease)->units, session.left(), run); !started)
    return pass(started.error());
  if (auto ended = lease::remove(state.fd(), name); !ended) return pass(ended.error());
  return lease;
}

}  // namespace backupctl::step
