#pragma once

#include <string>
#include <string_view>

namespace backupctl {

/// Text as it may go to a terminal or journal (X10): control characters (C0, DEL, C1 as UTF-8), backslash and bytes that are
/// not UTF-8 become \xNN; everything else is kept. @param limit  longest result in bytes; cut with "…" beyond it.
std::string escape_line(std::string_view bytes, std::size_t limit = 1024);

/// A JSON string literal, quotes included (RFC 8259 section 7). Control characters, DEL and C1 as well, become \u00xx: what is
/// printed as JSON reaches terminals, too (X10). Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view bytes);

}  // namespace backupctl
