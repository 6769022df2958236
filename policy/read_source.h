#pragma once

#include <string_view>

#include "policy/reader.h"

namespace backupctl::policy {

/// In keep_snapshots: the copies kept on this host. No volumes service may ship to a remote of this name.
inline constexpr std::string_view local_snapshots = "local";

/// Reads the one source of a service (path, volumes, postgres, redis or bucket) and the keys that go with its kind alone.
/// `service.name` is already filled in. False, with an error noted, when there is no source or more than one: then no other
/// key of the service can be judged.
bool read_source(Table& table, Service& service);

}  // namespace backupctl::policy
