#pragma once

#include <string>
#include <vector>

#include "gate/monitor/job.h"
#include "gate/step/context.h"

namespace backupctl::step {

/// Runs the relay alone on what `in` holds. @return its result record. Error: what it found wrong.
Result<Record> run_relay(Context& context, const std::vector<std::string>& args, int in, const std::vector<int>& extra = {},
                         const monitor::Job::OnRecord& on_record = {});

/// The host's signing key (wire.md, "Installed layout"): made at first need, 0600, read by the signer alone; by one
/// request, if several come first at the same time. Error: Exit::unavailable when that one takes too long, Exit::io_error.
Result<> ensure_host_key(Context& context);

/// Line 2 of a manifest for these bytes, from the signer.
Result<std::string> sign(Context& context, const std::string& signed_json);

/// An unlinked file of ours with this content, readable from its start: how small things reach a child.
Result<UniqueFd> memory_file(const std::string& bytes);

}  // namespace backupctl::step
