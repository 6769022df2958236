#pragma once

#include <optional>
#include <string>

#include "gate/step/remote_files.h"
#include "gate/step/snapshot_record.h"

namespace backupctl::step {

/// In the place of a remote's name: whichever of the service's has it, and not this host's own.
inline constexpr std::string_view any_remote = "*";

/// Which snapshot of a service's volumes is wanted, and from where.
struct SnapshotWish {
  std::optional<std::string> id = {};  ///< nothing: the newest
  std::string from = {};  ///< "local", a remote, or an absolute path of a snapshot's folder, or of a folder of such; empty:
                          ///< this host's own if it is whole here, else the remotes in the policy's order; or any_remote
};

/// One whose manifest is good (X6), and complete.
struct FoundSnapshot {
  std::string id;
  std::string from;  ///< as in the wish
  SnapshotRecord record;
  UniqueFd folder = {};                    ///< holds its files; none while they lie on the remote alone
  const policy::Remote* remote = nullptr;  ///< where it was found; null: on this host
};

/// @param keys  the trusted keys, as config::trusted_keys() gives them. Error: Exit::bad_data, there is none, its manifest is
/// not good, or calls it incomplete; Exit::not_permitted, `from` is no remote of the service; the remote's own.
Result<FoundSnapshot> find_snapshot(Context& context, const policy::Service& service, const SnapshotWish& wish,
                                    const std::string& keys);

/// Reads every byte and member of all its archives as a restore would, and compares sizes and digests with the signed manifest
/// (D6). Error: Exit::bad_data, which is not what it says.
Result<> verify_archives(Context& context, const FoundSnapshot& found);

/// Fetches one that lies on a remote, verifies all of it, and makes it this host's own. Error: Exit::io_error, no room;
/// Exit::bad_data; the remote's own. Nothing of it is kept then.
Result<> bring_here(Context& context, const policy::Service& service, FoundSnapshot& found, const std::string& keys);

/// All files of one that lies on a remote, into an open empty folder, and from there on; its manifest is checked again. Of the
/// archives sizes are looked at alone. Error: Exit::io_error, no room; Exit::bad_data, a file is missing, the manifest is not
/// good; Exit::unavailable, in the archive tier; the remote's own.
Result<> fetch_snapshot(Context& context, const policy::Service& service, FoundSnapshot& found, int folder,
                        const std::string& keys);

/// The checksums against the signed manifest, and the README against the checksums. Error: Exit::bad_data.
Result<> check_small_files(const FoundSnapshot& found);

/// The extractor's arguments for one of its archives.
std::vector<std::string> announced(const SnapshotRecord::Archive& archive);

}  // namespace backupctl::step
