#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "client/environment.h"
#include "common/result.h"

namespace backupctl::client {

/// A day of the week by its English name or the name's first three letters, in any case.
/// Error: Exit::bad_config with one sentence that names ARCHIVE_WEEKDAY.
Result<std::chrono::weekday> parse_weekday(std::string_view text);

/// Whether an archive is due at an instant: whether the day in the zone BACKUP_TZ (unset: TZ; unset too: the container's
/// /etc/localtime) is ARCHIVE_WEEKDAY (unset: sunday).
/// @param unix_seconds  seconds since 1970-01-01T00:00:00Z
/// Error: Exit::bad_config for a bad weekday or an unknown zone, which libc would silently take for UTC.
Result<bool> archive_due(const Environment& environment, std::int64_t unix_seconds);

}  // namespace backupctl::client
