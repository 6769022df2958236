#pragma once

#include <string_view>

#include "common/result.h"

namespace backupctl::vault {

/// Longest token that is carried, in bytes. The largest known (OneDrive for Business: two JWTs) have about 7 KiB.
inline constexpr std::size_t max_token = 32 * 1024;

/// Whether `token` may take the place of `before` in the root-owned rclone.conf: one line of JSON as Go's encoder writes
/// golang.org/x/oauth2's Token (an object of strings, and expires_in a number), each known key once, ASCII, an access_token,
/// and a refresh_token if `before` had one. Checked by hand, because the monitor links no JSON library and trusts none with
/// what a hostile child wrote (X5). The Error's sentence says what is wrong, never a part of the token (X10).
Result<> check_token(std::string_view token, std::string_view before);

}  // namespace backupctl::vault
