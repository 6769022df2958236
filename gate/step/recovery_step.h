#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/civil_date.h"
#include "gate/state/exchange_record.h"
#include "gate/state/recovery.h"
#include "gate/step/restore.h"
#include "gate/step/step.h"

/// The steps of a recovery plan, `[recovery.NAME]`: a service's name restores it, "start:CONTROLLER" starts what depends on it.
namespace backupctl::step {

/// The controller that a step starts; nullptr for a step that restores.
const policy::Controller* started_by(const policy::Policy& policy, const std::string& step);

/// What a step that restores wants: the newest verified backup, in place.
RestoreWish recovery_wish(const policy::Service& service);

/// Of a tree: what was restored are single paths of it, by the operator's --only, and so no step of a plan's.
bool is_of_paths(const state::Exchange& exchange, const policy::Service& service);

/// What a step would do now.
struct Outlook {
  std::string text;
  std::optional<double> seconds = {};  ///< as the last drill took
  std::string drilled = {};            ///< its date
  bool rests = false;                  ///< of a step that starts: nothing of it runs now
};
/// How long a step may take, by the last drill; `text` is left empty.
Outlook estimate(Context& context, const std::string& step);
/// Looks, on remotes and at controllers, and changes nothing. Error: why the step cannot be served now.
/// @param before  how far an earlier run of the plan came with it
Result<Outlook> look_ahead(Context& context, const policy::Recovery& plan, const std::string& step,
                           state::Recovery::Phase before);

/// Restores a service with all the proofs of step::restore(), once everything is at rest that a later step starts: what runs on
/// data which is being replaced mixes old with new, and it would run on a part of the whole. It is stopped without a lease, as
/// the operator's order; the record of the plan is what remembers it. Or starts a controller: what it names of the plan's
/// services, or else of all that use it, is seen to run and to be healthy. A step that a crash broke off begins anew.
/// @param index  of the step in the plan. @param before  how far an earlier run came with it
/// Error: the step's own; what was stopped stays so.
Result<Report> take_step(Context& context, const policy::Recovery& plan, std::size_t index, state::Recovery::Phase before);

/// The services that a plan's "start:CONTROLLER" is about; one of the controller's own name where the policy has none.
std::vector<policy::Service> users_of(const policy::Policy& policy, const policy::Recovery& plan,
                                      const policy::Controller& controller);

}  // namespace backupctl::step
