#pragma once

#include <map>
#include <string>

#include "gate/step/context.h"
#include "gate/step/snapshot_record.h"

namespace backupctl::step {

/// What the policy's probes print while the service runs, escaped, one after the other; one that fails is told and left out.
std::map<std::string, std::string> run_probes(Context& context, const policy::Service& service);

/// Runs them again after a restore and compares with what they printed when the snapshot was taken; each is told.
/// @return how many of those recorded print something else now, or nothing at all
int compare_probes(Context& context, const policy::Service& service, const SnapshotRecord& record);

}  // namespace backupctl::step
