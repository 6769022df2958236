#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace backupctl::step {

/// README.md of a snapshot of volumes, for the person who has this folder, a shell, and nothing else: what it is, how it is
/// checked, and how it is restored with backupctl and, in full, without it.
/// @param containers  the units of the service in the order in which they stop; empty without a controller
/// @param ending  of the archives: "tar.gz" or "tar.zst"
std::string snapshot_readme(const policy::Service& service, const std::string& id, const std::string& host,
                            const std::vector<std::string>& containers, const std::string& ending,
                            const std::map<std::string, std::string>& probes);

}  // namespace backupctl::step
