#pragma once

#include <string>
#include <string_view>

namespace backupctl::relay {

/// Text of a child as a user may read it: from the first thing on that looks like a credential everything is left out, with a
/// remark in its place (X10). Looked for are the names under which HTTP, OAuth 2.0 (RFC 6749, 6750), Azure, S3 and rclone
/// carry secrets, and any unbroken run of at least 120 characters of a token. What rclone says about a *bad* token ("maybe
/// token expired?", "invalid_grant") passes: the user needs it.
std::string without_secrets(std::string_view text);

}  // namespace backupctl::relay
