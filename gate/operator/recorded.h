#pragma once

#include <functional>

#include "gate/operator/operator.h"
#include "gate/step/step.h"
#include "policy/policy.h"

namespace backupctl::operate {

/// Runs a command of the operator's that changes something: journalled durably before it runs and after it ends (X9), and
/// reported like a step.
/// @param word  "--restore". @param args  what followed it, for the journal. @param subject  "restore planka"
Exit run_recorded(const policy::Policy& policy, const std::string& policy_path, const std::string& word, const Args& args,
                  const std::string& subject, const std::function<Result<step::Report>(step::Context&)>& work);

}  // namespace backupctl::operate
