#pragma once

#include <cstddef>

namespace backupctl::relay {

/// Mode "manifest", two arguments: the service and the archive's file name that are expected. Input is a manifest from a
/// remote (gate/manifest/manifest.h); `extra` holds the trusted public keys, PEM, one after the other. Checks, in this order,
/// the layout of the first lines, the signature by a trusted key, then what is signed, that it is for this service and this
/// archive (a mirror's is "data"; X6: a manifest of another archive, moved here, does not count), and the list of files against
/// it. An entry says what the reader's says of its list: text "files.jsonl", number[1] its lines, digest its SHA-256. The
/// result: text the archive's name, digest its SHA-256, number[0] size, [1] created in unix seconds, [2] 1 complete or adopted,
/// [3] members, [4] source_bytes, [5] downtime in milliseconds or -1, [6] 1 adopted, [7] 1 when it was read hot,
/// [8] names of a bucket that are not in it.
///
/// Mode "snapshot": the same for a snapshot of volumes. The second argument is its id, and each of its archives is an entry of
/// its own before the list's: text its name, number[0] bytes, number[3] 1, number[4] members, number[5] bytes in them, digest
/// its SHA-256; and each of its probes: text its name, "=" and the beginning of its output, number[3] 2, digest of all its
/// output. The result's digest is that of MANIFEST.sha256.
/// Error: Exit::bad_data, saying which check failed; Exit::bad_config when there is no usable trusted key.
/// Most bytes of trusted keys.
inline constexpr std::size_t max_trusted_keys = 65536;

}  // namespace backupctl::relay
