#pragma once

#include <string>

#include "common/civil_date.h"
#include "gate/manifest/manifest.h"
#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"

namespace backupctl::step {

/// What the manifests of an archive and of a mirror of a service's tree have in common; the rest is the caller's to fill in.
manifest::Manifest tree_manifest(const Context& context, const policy::Service& service, CivilDate date, const TreeRead& read);

/// Signs it, puts it together with the spool's files.jsonl as the new file `file` of the spool, and has it read as a restore
/// will read it: what could not be restored is not sent. @param keys  the trusted keys, as config::trusted_keys() gives them
/// Error: Exit::io_error, the spool is full; Exit::bug, it would not be accepted.
Result<> write_signed(Context& context, const manifest::Manifest& manifest, const state::Spool& spool, const std::string& file,
                      const std::string& keys);

}  // namespace backupctl::step
