#pragma once

#include <functional>
#include <string>

#include "gate/operator/operator.h"
#include "gate/step/step.h"

namespace backupctl::operate {

/// Runs a step that only the operator has as a request of the gate is run: journalled durably before it runs and after it ended
/// (X9), its result printed. It has the longest time that the policy has for anything. A terminal that goes away, with the link
/// to the host say, does not end it: what became of it is in the journal, and a restore broken off near its end is one lost.
/// @param verb  "--adopt". @param args  what followed it, for the journal. @param name  of the service
/// @param times  how often it has that time: what is made of several steps, each with a time of its own, must outlast them
/// @return its exit code
Exit run_host_step(const policy::Policy& policy, const std::string& policy_path, const std::string& verb, const Args& args,
                   const std::string& name, const std::function<Result<step::Report>(step::Context&)>& run, int times = 1);

/// Asks before data is replaced: "yes" typed at a terminal, or nothing: what is piped in answers no question.
bool is_confirmed(const std::string& question);

}  // namespace backupctl::operate
