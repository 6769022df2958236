#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gate/service/controller.h"
#include "gate/state/lock.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// The service's lock, in its turn (S4). @param state  what it means that there is none: "nothing was restored"
/// Error: Exit::unavailable, another step had it all of gate.lock_wait.
Result<state::Lock> hold_service(Context& context, const std::string& service, std::string_view state);

enum class After { start, rest };

/// Queues for the service (S4), stops what runs of it under a lease (S1), makes a change to its files, and starts what the
/// lease lists (S2), whatever became of the change. No restore that was broken off is left when the change begins.
/// @param due     units that are started although they do not run now
/// @param change  short; gets what ran. Not called once the session is over.
/// @param proof   that what was started (nothing, where nothing ran) goes on running; no other step of the service begins
///   before it has ended
/// @param after   start, or leave it at rest, without a lease, whatever ran: for files of a time at which nothing did
/// @return for how many seconds it stood still (S3); 0 when nothing was stopped. Error: the change's, or else the start's or
/// the
///   proof's.
Result<double> while_stopped(Context& context, const policy::Service& service, const service::Names& due,
                             const std::function<Result<>(const service::Names& ran)>& change,
                             const std::function<Result<>(const service::Names& started)>& proof = nullptr,
                             After after = After::start);

}  // namespace backupctl::step
