#pragma once

#include <string>
#include <string_view>

#include "common/civil_date.h"
#include "gate/step/read_tree.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {

/// Behind the name of an archive whose run was not complete (D2): by retention's rule 1 it is no archive. The next complete
/// one of the service sweeps it.
inline constexpr std::string_view incomplete_ending = ".incomplete";
/// Behind the name of an archive that is too small to be believed (guard.max_shrink): no archive for retention either.
inline constexpr std::string_view suspicious_ending = ".suspicious";
/// Behind the name of an archive that is not verified yet.
inline constexpr std::string_view partial_ending = ".partial";
inline constexpr std::string_view manifest_ending = ".manifest.json";
inline constexpr std::string_view checksum_ending = ".sha256";
/// Of the roles beside a PostgreSQL dump (postgres_globals.h).
inline constexpr std::string_view globals_ending = ".globals.sql";
inline constexpr const char* globals_file = "globals";           ///< in the spool
inline constexpr std::string_view globals_name = "globals.sql";  ///< in a manifest

/// How the operator makes an archive of this service, for sentences: "backupctl --archive NAME".
std::string archive_command(const policy::Service& service);

/// What a remote holds under an archive's name.
struct Presence {
  bool committed = false;  ///< with a manifest that is complete, signed by a trusted key, and fits it in name, service and size
  std::int64_t created = 0;    ///< unix seconds, by that manifest; 0 for what was adopted, of which nobody knows
  std::vector<Entry> entries;  ///< all that the service's folder of archives holds
};
Result<Presence> look_for(RemoteFiles& remote, const std::string& service, const std::string& archive, const std::string& keys);

/// The folder of the spool in which write_manifest() puts what goes beside an archive.
inline constexpr const char* beside_folder = "beside";

/// Puts `NAME.sha256` and the signed `NAME.manifest.json` into that folder, and has the manifest read as a restore will read
/// it: what could not be restored is not sent. @param name  the final name
/// @param keys  the trusted keys, as config::trusted_keys() gives them
/// @param adopted  it was there before, and nobody knows what the service did meanwhile
Result<> write_manifest(Context& context, const policy::Service& service, CivilDate date, const std::string& name,
                        const TreeRead& read, const state::Spool& spool, const std::string& keys, bool adopted = false);

/// The commit protocol (architecture.md, "Committing a backup"; D1): upload under a temporary name, verify on the remote by
/// size and hash, rename, and only then the manifest: no manifest, no backup. Where the remote cannot rename, the manifest
/// alone commits. An error leaves no final name that looks like a backup.
/// @param old_manifest  one lies there under the name: it goes before its archive is replaced, so that for no moment it vouches
///   for a content that is not its own
/// @param last  no other remote needs the archive: the spool gives it up once it is verified here
Result<> commit(Context& context, RemoteFiles& remote, const std::string& service, const std::string& name, bool old_manifest,
                const TreeRead& read, const state::Spool& spool, bool last);

}  // namespace backupctl::step
