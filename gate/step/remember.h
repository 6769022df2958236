#pragma once

#include <string>

#include "gate/step/context.h"

namespace backupctl::step {

/// Keeps how a run ended for --check, which must not depend on the journal's text. Verbs that neither make nor check a backup
/// are not kept. A memory that cannot be written is told as a warning: the run is none the worse for it.
void remember_run(Context& context, const policy::Plan& plan, Exit exit);
/// The same for what no plan names. @param verb  without dashes
void remember_run(Context& context, const std::string& service, const std::string& verb, Exit exit);
/// How long a restore takes, as a drill that ended well has just shown: what a recovery plan is estimated by. @param seconds
/// for fetching, verifying and extracting
void remember_rehearsal(Context& context, const std::string& service, double seconds);

}  // namespace backupctl::step
