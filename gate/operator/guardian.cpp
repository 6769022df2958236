#include "common/io.h"
#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/guardian/guard.h"
#include "gate/operator/operator.h"

/// Neither needs a valid policy: what a start needs is in the lease (S1).
namespace backupctl::operate {

Exit guardian(const std::string& policy_path, const Args& args) {
  if (args.size() != 1 || !is_name(args[0])) return complain({Exit::not_a_request, "--guardian wants the name of a service"});
  const auto state = state::StateDir::open(config::state_dir_of(policy_path));
  if (!state) return complain(state.error());
  const auto ended = guardian::guard(*state, args[0]);
  return ended ? Exit::done : complain(ended.error());
}

Exit recover(const std::string& policy_path, const Args& args) {
  const bool files_only = args == Args{"--files"};
  if (!args.empty() && !files_only) return complain({Exit::not_a_request, "--recover takes no argument but --files"});
  const auto state = state::StateDir::open(config::state_dir_of(policy_path));
  if (!state) return complain(state.error());
  if (files_only) {
    const auto whole = guardian::recover_files(*state, true);
    return whole ? Exit::done : complain(whole.error());
  }
  const auto started = guardian::recover(*state, policy_path);
  if (!started) return complain(started.error());
  static_cast<void>(
      write_all(1, fmt::format("started {} service{} whose time was over\n", *started, *started == 1 ? "" : "s")));
  return Exit::done;
}

}  // namespace backupctl::operate
