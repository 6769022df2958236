#pragma once

#include <functional>
#include <string>

#include "gate/operator/operator.h"
#include "gate/step/step.h"

namespace backupctl::operate {

/// A step that only the operator has.
struct HostStep {
  std::string subject;  ///< "adopt planka": the step's name in journal and output
  Args words;           ///< the command line, for the journal
  policy::Seconds timeout{};
};

/// Runs it as a request of the gate is run: journalled durably before it runs and after it ended (X9), its result printed.
/// @return its exit code
Exit run_host_step(const policy::Policy& policy, const std::string& policy_path, const state::StateDir& state,
                   const HostStep& step, const std::function<Result<step::Report>(step::Context&)>& run);

}  // namespace backupctl::operate
