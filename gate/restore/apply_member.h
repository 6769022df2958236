#pragma once

#include "gate/source/attributes.h"
#include "gate/source/member.h"
#include "gate/source/reporter.h"

namespace backupctl::archive {

/// Gives what was just created its owner, mode, attributes and access list, in the order in which the kernel keeps them: a
/// change of owner clears set-uid bits and security.capability. Each that cannot be set is reported by itself (D7). Numeric
/// owners only.
/// @param target  the file, directory or FIFO, open; or a symbolic link by name.
void apply_member(const AttributeSource& target, const Member& member, Reporter& reporter);

/// Takes attributes and access list away again from a directory that was there already: it gets another member's.
void drop_attributes(int dir);

/// Sets the modification time, last of all.
void apply_time(const AttributeSource& target, const Member& member, Reporter& reporter);

}  // namespace backupctl::archive
