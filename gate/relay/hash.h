#pragma once

#include <optional>
#include <string_view>

#include "common/sha256.h"

namespace backupctl::relay {

/// Mode "hash": SHA-256 of all input. The result: digest, number[0] bytes read. An input that ended early looks like one that
/// ended: the caller compares the size, and how the writer ended, with what it expects.
///
/// Mode "checksum": a `.sha256` file as sha256sum(1) writes it, exactly one line, at most 4,096 bytes. The result: digest,
/// text the name as written. Error: Exit::bad_data.

/// A digest from 64 lower-case hexadecimal digits; nothing for anything else.
std::optional<Digest> parse_digest(std::string_view hex);

/// Not empty, without control characters (C0, DEL, C1 as UTF-8) and without U+FFFD, which stands for bytes that were lost.
bool is_plain_text(std::string_view text);

}  // namespace backupctl::relay
