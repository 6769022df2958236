#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/civil_date.h"
#include "common/record.h"
#include "common/unique_fd.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"
#include "gate/step/remote_files.h"

namespace backupctl::step {

/// An archive on a remote whose manifest is good.
struct StoredArchive {
  const policy::Remote* remote = nullptr;
  std::string name;
  CivilDate date;
  Record manifest;                         ///< the relay's result for it
  std::optional<FileDigest> globals = {};  ///< of a dump that has them (postgres_globals.h)
};

/// The newest archive of a service that has a good manifest (of equals the one on the remote that the policy names first); of
/// `date` if one is given. A remote that cannot be asked is passed over, with a warning. A newest one that is older than what
/// this host remembers to have committed is warned about (X6).
/// @param keys  trusted public keys, PEM. @param remotes  of the service, those that are asked
/// Error: Exit::bad_data, there is none; a remote's own, where that may be why.
Result<StoredArchive> find_archive(Context& context, const policy::Service& service, const std::optional<CivilDate>& date,
                                   const std::string& keys, const std::vector<std::string>& remotes);

/// The newest archive on one remote. One whose manifest is not good is an Error and not passed over; those without a manifest
/// are. Error: Exit::bad_data, saying what is wrong; there is none; the remote's own.
Result<StoredArchive> newest_on(Context& context, RemoteFiles& files, const policy::Service& service, const std::string& keys);

/// Fetches it into a file without a name, which no transfer can write any more: what is verified is what is extracted (D6).
/// Error: Exit::io_error, no room.
Result<UniqueFd> fetch(Context& context, const policy::Service& service, const StoredArchive& stored);

/// Reads every byte and member as a restore would, and compares size and digest with the signed manifest (D6, X6).
/// @param only  paths relative to the tree that it has to hold. Error: Exit::bad_data.
Result<> verify(Context& context, const StoredArchive& stored, int archive, const std::vector<std::string>& only = {});

/// Reads every byte and member of an archive that has no manifest, as a restore would, and that it is one which can be put in
/// place: all its members lie in `data/`. @param name  its format's ending
/// @return as extract() does. Error: Exit::bad_data.
Result<Record> test(Context& context, const std::string& name, int archive);

/// Extracts a verified archive into the open empty directory `target`, members named as in the archive (`data/…`), with
/// everything it knows (D7). What could not be set is told line by line.
/// @param to  how errors call the directory. @param only  nothing but these, and the directories above them.
/// @return the extractor's result: number[0] bytes of the archive, [1] members, [2] bytes of content,
/// [3] owners, attributes and times that could not be set, [7] 1: `data` is a member itself; digest of the archive.
Result<Record> extract(Context& context, const StoredArchive& stored, int archive, int target, const std::string& to,
                       const std::vector<std::string>& only = {});

}  // namespace backupctl::step
