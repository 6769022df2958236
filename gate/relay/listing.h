#pragma once

#include <cstddef>

namespace backupctl::relay {

/// Mode "listing", one argument: the most entries to pass on. Input is what `rclone lsjson [-R] [--hash --hash-type sha256]`
/// writes: a JSON array, of any length, streamed. Each file or directory becomes an entry Record: text its "Path" relative to
/// what was listed, number[0] "Size" (-1 unknown), [1] "ModTime" in unix seconds (0 unknown), [2] 1 for a directory, [3] 1 if
/// digest holds its SHA-256. Names that are too long for a Record, hold control characters or lost bytes, or lead elsewhere
/// ("..", a leading "/") and entries beyond the most are counted only. The result: number[0] entries passed on, [1] dropped.
/// Error: Exit::bad_data when the input is anything else or ends early; the entries sent before are then not a listing.
/// Longest single name, number or space between, in bytes; what is longer is no listing (X5).
inline constexpr std::size_t max_listing_piece = 262144;

}  // namespace backupctl::relay
