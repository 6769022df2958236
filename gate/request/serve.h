#pragma once

#include <string>
#include <vector>

#include "common/exit_code.h"

namespace backupctl::request {

/// What the environment of a forced command says; copied out before the environment is emptied.
struct Arrival {
  std::string request;     ///< SSH_ORIGINAL_COMMAND; empty when unset
  std::string connection;  ///< SSH_CONNECTION, hearsay for the journal
  std::string sudo_user;   ///< SUDO_USER, hearsay for the journal
};

/// One request over the gate, from its bytes to its exit code: parse, read the policy, decide, journal, run, journal.
/// @param policy_path  absolute
/// @param client  from the sudoers line (X8), "default" without --client
Exit serve(const Arrival& arrival, const std::string& policy_path, const std::string& client);

}  // namespace backupctl::request
