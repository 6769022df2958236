#pragma once

#include "gate/step/found_snapshot.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// Puts a snapshot of a service's volumes in their place, on the host that took it or on another one that trusts its key: all
/// of it verified before anything is touched (D6); volumes that do not exist created; each extracted beside the one there is;
/// with the service stopped all exchanged at once; the service started, or where it has no containers yet, created by the
/// policy's `up`; then its health, and its probes compared with what they printed when the snapshot was taken. The old volumes
/// stay until restore_commit() or restore_rollback(). Error: Exit::bad_data, it does not verify, nothing was touched; or it
/// runs and is healthy on what was restored, but a probe prints something else. Exit::unavailable, there are old volumes still;
/// there are no containers and no `up`, and the same request takes up there; or the service does not run on what was restored,
/// and the old volumes are back.
Result<Report> restore_volumes(Context& context, const policy::Service& service, const SnapshotWish& wish,
                               const std::string& keys);

}  // namespace backupctl::step
