#pragma once

#include "gate/step/worker.h"

namespace backupctl::step {

/// Shows what a program that talks over the network finds of the host: names and certificates for TLS, and a null device.
/// Never all of /etc/ssl: private/ is there (X4).
Result<> show_network_files(Worker& worker);

}  // namespace backupctl::step
