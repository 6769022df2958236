#pragma once

#include "common/result.h"

/// Snapshots of a btrfs subvolume (btrfs-subvolume(8); the requests are those of linux/btrfs.h).
namespace backupctl::snapshot {

/// Whether the open directory is the top of a btrfs subvolume.
bool is_subvolume(int dir);

/// Makes `name` in the directory `parent` a read-only snapshot of the subvolume `subvolume`. Error: Exit::io_error.
Result<> make_btrfs(int subvolume, int parent, const char* name);

/// Removes the snapshot `name`; nothing there is no error. Error: Exit::io_error.
Result<> remove_btrfs(int parent, const char* name);

}  // namespace backupctl::snapshot
