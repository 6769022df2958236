#pragma once

#include <optional>
#include <string>

#include "common/unique_fd.h"
#include "gate/snapshot/info.h"
#include "gate/step/at_rest.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"

namespace backupctl::step {

/// What --sync and --archive read of a service.
struct Source {
  UniqueFd tree;
  std::string path;                        ///< where it lies
  AtRest rest;                             ///< of a cold service, to be asked again when it was read
  std::optional<snapshot::Info> snapshot;  ///< of a service with snapshots

  /// What is not in the snapshot as it should be (D2).
  [[nodiscard]] std::int64_t faults() const { return snapshot ? snapshot->faults : 0; }
};

/// A cold service's tree, which must stand still; a hot one's as it is; else the service's last snapshot, and a new one where
/// that is too old (wire.md, --sync). Error: Exit::bad_data, it is empty (D3); take_snapshot()'s.
Result<Source> open_source(Context& context, const policy::Service& service);

/// Adds to what was read of a snapshot what the snapshot itself lacks (D2), and the downtime it took (S3).
void add_snapshot(TreeRead& read, const Source& source);

}  // namespace backupctl::step
