#pragma once

#include <string_view>

#include "common/result.h"
#include "gate/manifest/manifest.h"

namespace backupctl::relay {

/// Parses the value of "signed" of a manifest whose signature was verified: strict types, every member of the schema present,
/// none twice, digests and times well-formed, nothing nested deeper than the schema. Members it does not know are ignored.
/// Error: Exit::bad_data, naming the member.
Result<manifest::Manifest> parse_signed(std::string_view text);

}  // namespace backupctl::relay
