#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gate/lease/lease.h"

/// Leases on disk: one file a service, `leases/SERVICE` beneath the gate's state directory, 0600 in a 0700 directory. Each is
/// written whole and synced before the service stops, and ending it is an unlink: neither a start nor the end of a lease
/// needs free space (D8), and after a crash a lease is there or not there, never half.
namespace backupctl::lease {

/// Writes the lease durably, in place of one the service has already (see add_units()).
/// @param state_dir descriptor of the state directory, which is root's alone.
/// Error: Exit::io_error; then nothing may be stopped.
Result<> write(int state_dir, const Lease& lease);

/// The lease of a service; nothing when it has none. Only a regular file of root's own, of bounded size, is looked at (X7).
/// Error: Exit::bad_data when it is damaged, Exit::io_error; both say what to do.
Result<std::optional<Lease>> read(int state_dir, const std::string& service);

/// Ends the lease of a service durably; to end none is no error. Error: Exit::io_error.
Result<> remove(int state_dir, const std::string& service);

/// The services that have a lease, readable or not, sorted. Error: Exit::io_error.
Result<std::vector<std::string>> list(int state_dir);

}  // namespace backupctl::lease
