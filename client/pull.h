#pragma once

#include <string>

#include "client/session.h"

namespace backupctl::client {

/// Pulls a snapshot into a directory of such: receives it, verifies it against its checksums, puts it under its name, rotates.
/// A transfer that was cut off goes on where it was, if the host has that snapshot still.
struct PullWish {
  Request request;       ///< an --export
  std::string to;        ///< the directory
  std::size_t keep = 0;  ///< whole snapshots that stay; 0: all
};
/// @return the exit status: 0, 75 the snapshot is here already, 65 it did not arrive as it is, else the host's or ours
int pull(Session& session, const PullWish& wish);

}  // namespace backupctl::client
