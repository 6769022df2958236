#pragma once

#include <string>
#include <string_view>

#include "gate/source/member.h"

struct archive_entry;

namespace backupctl::archive {

/// Copies what libarchive read of a header. Lists (ACLs) with names instead of numeric ids are left out: nothing is looked up.
/// @param lost  says what was left out; else unchanged.
/// @return false when it has no name.
bool to_member(archive_entry* entry, Member& member, std::string& lost);

/// An attribute's name out of the keyword SCHILY.xattr.NAME, where writers put %XX for '=', '%' and what is not printable.
std::string decode_name(std::string_view name);

}  // namespace backupctl::archive
