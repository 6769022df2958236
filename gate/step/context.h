#pragma once

#include <optional>
#include <string>

#include "gate/monitor/session.h"
#include "gate/snapshot/info.h"
#include "gate/state/state_dir.h"
#include "policy/decision.h"
#include "policy/policy.h"

/// The verbs. Each step gets an allowed Plan and does what it says; nothing in here decides about permission.
namespace backupctl::step {

/// What every step may use. Outlived by the request.
struct Context {
  const policy::Policy& policy;
  std::string policy_path;
  const state::StateDir& state;
  monitor::Session& session;
  monitor::Output& output;
  std::string caller;      ///< client name, or "operator"
  bool over_gate = true;   ///< false: the operator on the host
  bool replace = false;    ///< the operator's --archive NAME --replace
  bool gives_way = false;  ///< only reads what lies on remotes (verify, drill): ended by a step that needs a credential it has
  std::optional<snapshot::Info> taken = {};  ///< the snapshot of this request, which all its steps ship whatever its age
};

}  // namespace backupctl::step
