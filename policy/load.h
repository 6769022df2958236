#pragma once

#include <string_view>

#include "common/result.h"
#include "policy/policy.h"

namespace backupctl::policy {

/// Reads, checks and completes a policy file (policy.md, schema 1): the whole schema, every default, every reference. Pure: it
/// opens nothing, so what the policy names (programs, files, trees, the time zone) may not exist; see check.h.
///
/// @param bytes      the file's content; whoever opened it has checked its owner (X7) and bounded its size.
/// @param file_name  how errors call the file.
/// @return the policy, `digest` left empty. Error: Exit::bad_config; its sentence has one line per error, in the file's
///         order, "FILE:LINE:COLUMN: sentence", at most 20. One error and nothing of the file is used.
Result<Policy> load_policy(std::string_view bytes, std::string_view file_name);

}  // namespace backupctl::policy
