#pragma once

#include <string_view>

#include "gate/step/remote_files.h"
#include "gate/step/signed_manifest.h"
#include "gate/step/source.h"

namespace backupctl::step {

/// What a mirror's manifest says in "archive" (manifest.h), and its name in the spool and, beside `data/`, on the remote.
inline constexpr std::string_view mirror_name = "data";
inline constexpr const char* mirror_manifest_file = "data.manifest.json";

/// Lists the tree once more, as it stands now, and makes the signed manifest of its mirrors in the spool: what a mirror alone
/// would lose, owners, modes, times, attributes, links, and the SHA-256 of each file (D7, X6).
/// @param lacking  what is not in the mirror, and so cannot be read. @param left_out  names that no mirror can have. @return
/// what was read; with faults the manifest says "incomplete" (D2).
Result<TreeRead> write_mirror_manifest(Context& context, const policy::Service& service, const Source& source, CivilDate date,
                                       state::Spool& spool, std::int64_t lacking = 0, std::int64_t left_out = 0);

/// Sends it over the one that lies beside the mirror. Only after a sync that ended well: until then, and after a crash between
/// mirror and manifest, the old one stays, and as it has every file's SHA-256 it vouches for no file that is not its own: a
/// restore names those that changed.
Result<> send_mirror_manifest(Context& context, const policy::Remote& remote, const policy::Service& service,
                              const state::Spool& spool);

}  // namespace backupctl::step
