#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace backupctl::relay {

/// Unix seconds of a time as RFC 3339 writes it: 2026-03-01T02:00:00Z, 2026-03-01T02:00:00.123456789+02:00. Fractions are cut
/// off. Nothing for anything else, an instant that does not exist included (a leap second counts as none).
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace backupctl::relay
