#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/civil_date.h"
#include "gate/step/found_snapshot.h"
#include "gate/step/step.h"
#include "gate/step/stored_archive.h"

namespace backupctl::step {

/// What the operator wants back.
struct RestoreWish {
  std::string service = {};
  std::optional<CivilDate> date = {};  ///< nothing: the newest
  bool mirror = false;                 ///< from the mirror and its manifest, not from an archive; there is no date then
  std::string to = {};                 ///< absolute; an empty directory, made if it is not there. Empty: the service's tree
  std::string remote = {};             ///< nothing but what lies there; empty: any of the service's remotes
  std::vector<std::string> only = {};  ///< paths relative to the tree, canonical, none beneath another; empty: all
  std::string into = {};               ///< another database of the server; empty: the service's own
  std::string table = {};              ///< of a database, nothing but this table; empty: all
  bool with_clients = false;           ///< although others are connected to the server
  SnapshotWish snapshot = {};          ///< of a service of volumes; the others mean nothing there
};

/// The service, if its backups are ones that can be restored. Error: Exit::not_permitted.
Result<const policy::Service*> restorable(const Context& context, const std::string& name);

/// The archive that is wished for. @param in_place  it is to take the place of what is there: then "the newest" is one that
/// this host remembers as its newest (X6). Error: find_archive()'s; Exit::bad_data, it is older.
Result<StoredArchive> find_wished(Context& context, const policy::Service& service, const RestoreWish& wish,
                                  const std::string& keys, bool in_place);

/// Fetches a backup and verifies all of it, signature, name, size, digest and every member, before anything is written
/// (D6, X6), and a mirror file by file; then extracts it, members named as in the archive (`data/…`), with everything the
/// archive knows (D7): into a directory, with which the service is not touched, or in place (restore_in_place.h). Of a service
/// of volumes see restore_volumes.h, of a database restore_postgres.h.
Result<Report> restore(Context& context, const RestoreWish& wish);

}  // namespace backupctl::step
