#pragma once

#include "gate/state/recovery.h"
#include "gate/step/step.h"

/// A recovery plan as a whole; its steps are step/recovery_step.h's.
namespace backupctl::operate {

/// Looks ahead at every step that is left and says what it would do, from which backup, and how long that took in the last
/// drill. Error: the gravest of the steps that could not be served now, all of which are said.
Result<step::Report> foresee_plan(step::Context& context, const policy::Recovery& plan, const state::Recovery& progress);

/// Looks ahead, and then takes the steps that are left, each as a request of its own in the journal; what came of it is
/// recorded durably before the next begins. The first that fails is the last. Leaves a signed record of the run in
/// `recoveries/`. Error: Exit of the step that failed; which, what is done, what is not, and how to go on.
Result<step::Report> run_plan(step::Context& context, const policy::Recovery& plan, state::Recovery progress);

}  // namespace backupctl::operate
