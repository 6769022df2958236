#pragma once

#include <optional>
#include <string>

#include "common/unique_fd.h"
#include "gate/snapshot/info.h"
#include "gate/step/at_rest.h"
#include "gate/step/context.h"
#include "gate/step/read_tree.h"
#include "gate/step/sqlite_copies.h"

namespace backupctl::step {

/// What --sync and --archive read of a service.
struct Source {
  UniqueFd tree;
  std::string path;                        ///< where it lies
  AtRest rest;                             ///< of a cold service, to be asked again when it was read
  std::optional<snapshot::Info> snapshot;  ///< of a service with snapshots
  SqliteCopies databases;                  ///< in place of the tree's own files

  /// What is not in the snapshot as it should be (D2).
  [[nodiscard]] std::int64_t faults() const { return snapshot ? snapshot->faults : 0; }
  /// What is left out of it: the policy's patterns, and what the databases' copies stand for.
  [[nodiscard]] std::vector<std::string> excludes(const std::vector<std::string>& policys) const;
  /// That what was read is what was opened: a cold service stood still, and each database is where it was.
  Result<> still(Context& context) const;
};

/// A cold service's tree, which must stand still; a hot one's as it is; else the service's last snapshot, and a new one where
/// that is too old (wire.md, --sync). Its databases are copied. Error: Exit::bad_data, it is empty (D3);
/// take_snapshot()'s, SqliteCopies::make()'s.
Result<Source> open_source(Context& context, const policy::Service& service);

/// Adds to what was read of a snapshot what the snapshot itself lacks (D2), and the downtime it took (S3).
void add_snapshot(TreeRead& read, const Source& source);

}  // namespace backupctl::step
