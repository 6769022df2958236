#pragma once

#include <string>
#include <string_view>

#include "policy/decision.h"

namespace backupctl::policy {

/// The text of `--explain 'REQUEST' [--client NAME]`: how the request parses, each check of decide() with the rule that
/// decided it, and the outcome: what would run, on what, where to, with which retention. For the operator alone, since it
/// tells what would be accepted. Several lines, each ended by a line feed; nothing is run or looked up.
/// @param request  any bytes; shown escaped (X10).
std::string explain(const Policy& policy, std::string_view request, const Caller& caller);

}  // namespace backupctl::policy
