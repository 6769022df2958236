#pragma once

#include <string>
#include <vector>

#include "gate/state/snapshots.h"
#include "gate/step/context.h"
#include "gate/step/snapshot.h"
#include "gate/step/snapshot_record.h"
#include "gate/step/step.h"

namespace backupctl::step {

/// The volumes of a service as trees, where their engine says that they lie, in the policy's order. Error: find_volumes()'s.
Result<std::vector<StagedTree>> volume_places(Context& context, const policy::Service& service);

/// That nothing of the engine runs on a service's volumes, which is at rest; without a controller that is only warned of.
/// Error: Exit::unavailable, what does. Nothing to check of a tree.
Result<> check_no_other_users(Context& context, const policy::Service& service);

/// Warns of containers that use the volumes and run on while the service stands still: what they write meanwhile may be torn,
/// and after a restore they have the old volumes. Nothing is said where the controller does not know containers by name.
void warn_of_other_users(Context& context, const policy::Service& service);

/// What a snapshot of volumes became.
struct VolumeSnapshot {
  std::string id;
  std::optional<double> downtime;  ///< seconds (S3)
  std::int64_t bytes = 0;          ///< of its archives
  std::int64_t source_bytes = 0;
  std::int64_t faults = 0;  ///< what is not in it as it should be (D2)
  std::string first_fault;

  void fault(std::int64_t count, const std::string& first) {
    faults += count;
    if (first_fault.empty()) first_fault = first;
  }
};

/// Takes a snapshot of all volumes at one moment, with the service stopped for no longer than that (take_snapshots()), and
/// makes this host's own folder of it: an archive a volume, README.md, MANIFEST.sha256, and the signed manifest.json, which
/// says "incomplete" where something could not be read. @param keys  the trusted keys, as config::trusted_keys() gives them
/// Error: there is no folder, and the service runs as before, or the sentence says that it does not.
Result<VolumeSnapshot> make_volume_snapshot(Context& context, const policy::Service& service, const state::Snapshots& store,
                                            const std::string& keys);

/// What the manifest in an opened folder says, checked as a remote's is (X6). Error: as below.
Result<SnapshotRecord> read_snapshot_record(Context& context, const std::string& service, int folder, const std::string& id,
                                            const std::string& keys);
/// What the manifest of this host's own folder says, checked as a remote's is (X6). Error: Exit::bad_data, it does not verify;
/// Exit::io_error, it cannot be read.
Result<SnapshotRecord> read_local_snapshot(Context& context, const std::string& service, const state::Snapshots& store,
                                           const std::string& id, const std::string& keys);

}  // namespace backupctl::step
