#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"
#include "gate/service/controller.h"

/// The promise that a service which the gate stopped starts again (S1), as a record on disk. It is written before anything
/// stops and holds all that a start needs, so that the start asks neither policy nor slot nor journal.
namespace backupctl::lease {

/// What was running, and how it is started again.
struct Lease {
  std::string service;
  std::string client;             ///< whose request stopped it; "operator" on the host
  std::int64_t created = 0;       ///< seconds since 1970, for people: the clock may be set meanwhile
  std::string boot_id;            ///< of the boot that `deadline` belongs to (random(4), /proc/sys/kernel/random/boot_id)
  std::int64_t deadline = 0;      ///< nanoseconds of CLOCK_BOOTTIME, when the host starts the service by itself (max_down)
  std::int64_t idle = 0;          ///< seconds without a step after which it does so earlier (idle_down)
  policy::Controller controller;  ///< reduced to what query(), start() and stop() need; names the units itself
  service::Names units;           ///< what ran (S2), in the order of stopping; start() goes backwards
};

/// Nanoseconds of CLOCK_BOOTTIME, which no setting of the clock moves and which goes on in suspend (clock_gettime(2)).
std::int64_t boot_clock();
/// The id of this boot. Error: Exit::io_error.
Result<std::string> boot_id();

/// A lease for a service about to be stopped, made now. @param units as query() found them running; at least one.
/// @param max_down, idle_down  from the policy
/// Error: Exit::bad_config when it cannot be recorded (an argument with a control character, too long), Exit::io_error.
Result<Lease> make(std::string_view service, std::string_view client, const policy::Controller& controller,
                   const service::Names& units, policy::Seconds max_down, policy::Seconds idle_down);

/// Adds units found running when a service is stopped again under the lease it has; those already there stay (S1, S2).
void add_units(Lease& lease, const service::Names& running);

/// Whether the host has to start the service now: its time is over, or was in another boot, after which nothing of the work
/// goes on.
bool is_due(const Lease& lease, const std::string& this_boot);

/// Longest record, in bytes.
inline constexpr std::size_t max_size = 64 * 1024;

/// One spelling for each lease: a version line, `key value` lines in a fixed order, a SHA-256 of all before it.
std::string serialize(const Lease& lease);
/// Accepts exactly what serialize() gives. Error: Exit::bad_data, in few words what is wrong.
Result<Lease> parse(std::string_view bytes);

}  // namespace backupctl::lease
