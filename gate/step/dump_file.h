#pragma once

#include "gate/state/spool.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"

namespace backupctl::step {

/// How errors of a dump say what they mean.
inline constexpr const char* nothing_sent = "nothing was sent, and what was backed up before is untouched";

/// What the commit needs of a dump that lies in the spool as `archive`: size and digest; and files.jsonl, which is empty for an
/// archive that lists itself. The spool is root's again afterwards. @param beside  the line of a file that goes beside the dump
Result<> describe_dump(Context& context, state::Spool& spool, TreeRead& read, const std::string& beside = {});

}  // namespace backupctl::step
