#pragma once

#include "gate/state/snapshots.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {

/// What lies on a remote under a snapshot's id.
struct SnapshotPresence {
  bool committed = false;                ///< with a manifest that is complete and signed by a trusted key
  std::vector<Entry> entries;            ///< the folder's files; empty where there is none
  std::optional<SnapshotRecord> record;  ///< what its manifest says, complete or not
};
/// Error: Exit::unavailable, the remote cannot be asked. A manifest that does not verify is no error: it is no snapshot then.
Result<SnapshotPresence> look_for_snapshot(RemoteFiles& remote, const std::string& service, const std::string& id,
                                           const std::string& keys);

/// The newest id on a remote that has a manifest, good or not, so that a spoilt newest one is not quietly passed over for an
/// older one (X6); or `wanted`. Error: Exit::bad_data, there is none; the remote's own.
Result<std::string> newest_snapshot(RemoteFiles& remote, const std::string& service, const std::optional<std::string>& wanted);

/// Sends this host's folder of a snapshot: its archives first, each verified there by size and hash (D1), what an upload before
/// left whole not again; its access tier put right; the manifest last: no manifest, no snapshot.
Result<> send_snapshot(Context& context, RemoteFiles& remote, const state::Snapshots& store, const std::string& id,
                       const SnapshotRecord& record, const std::vector<Entry>& there);

/// Deletes complete snapshots beyond the policy's keep_snapshots for this remote (common/snapshot_rotation.h), and what this
/// host left unfinished or incomplete there before `committed`, each with its reason in the journal (D4). Nothing goes unless
/// `committed`, verified there, is the newest. @return how many complete ones were deleted
Result<std::int64_t> rotate_snapshots(Context& context, RemoteFiles& remote, const policy::Service& service,
                                      const state::Snapshots& store, const std::string& committed, const std::string& keys);

}  // namespace backupctl::step
