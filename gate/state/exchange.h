#pragma once

#include "gate/state/exchange_record.h"

namespace backupctl::state {

/// The functions here are for whoever holds the service's lock while the service stands still. Killed at any instruction they
/// leave a record by which settle_exchange() puts the old files back: never a mixture that a service would run on (D6).

/// Puts what is restored in place and the old files into its stead. Phase, inodes and, for entries, the slots are filled in.
/// Error: the old files are in place again and there is no record; or the sentence says that settle_exchange() has to be tried
/// again, and the record stays. Exit::bad_config, where the file system cannot exchange; Exit::io_error.
Result<> exchange(const StateDir& state, Exchange& exchange);

/// Puts the old files in place, what is there now into their stead, and removes the record. Error: Exit::io_error, as above; or
/// nothing was done.
Result<> put_back(const StateDir& state, Exchange exchange);

/// Undoes an exchange, or finishes a way back, that was broken off. @return whether there was one. Error: Exit::io_error, the
/// tree may be a mixture, and the service must not be started or read.
Result<bool> settle_exchange(const StateDir& state, const std::string& service);

}  // namespace backupctl::state
