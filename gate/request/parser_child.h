#pragma once

#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "common/request.h"
#include "common/result.h"

namespace backupctl::request {

/// Parses a request in a child that can do nothing else: own uid, no files, no network, no memory to speak of; forked before
/// the policy or any secret is read (architecture.md, "parser"). What it says is checked again here, and against the bytes:
/// what parses must serialize to the same bytes, so that even a compromised parser cannot change a request (X1, X2).
/// Error: Exit::bug when the child broke or lied; Exit::unavailable when none could be started.
Result<tl::expected<Request, RefusalCode>> parse_in_child(std::string_view bytes);

}  // namespace backupctl::request
