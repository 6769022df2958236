#pragma once

#include "gate/service/engine.h"

/// Named volumes of a container engine, as the engine itself says where they lie.
namespace backupctl::service {

struct Volume {
  std::string name;
  std::string path;  ///< absolute: the directory that containers see, to be opened without following links
};

/// @param engine  "docker" or "podman"
/// @return in the order of `names`. Error: Exit::bad_config, one does not exist, or is a mount that is there only while a
/// container uses it (nfs, tmpfs, a driver without a directory); Exit::unavailable, the engine does not answer.
Result<std::vector<Volume>> find_volumes(const std::string& engine, const Names& names, const Runner& run);

/// The containers that run and use one of the volumes. Error: Exit::unavailable.
Result<Names> users_of(const std::string& engine, const Names& volumes, const Runner& run);

/// Creates those of `names` that the engine does not have yet, empty, with its default driver. @return which
/// Error: Exit::unavailable, the engine does not answer, or does not want to.
Result<Names> create_missing_volumes(const std::string& engine, const Names& names, const Runner& run);

/// Where snapshots of a volume's directory lie by default: on its file system, beside the engine's directory of volumes, which
/// it reads as a list of its volumes. @return absolute
std::string staging_beside(const std::string& volume_path, const std::string& leaf);

}  // namespace backupctl::service
