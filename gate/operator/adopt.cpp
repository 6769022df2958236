#include "gate/step/adopt.h"

#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"

namespace backupctl::operate {

Exit adopt(const std::string& policy_path, const Args& args) {
  const bool one = args.size() == 3 && args[1] == "--remote";
  if ((args.size() != 1 && !one) || args[0].starts_with('-'))
    return complain({Exit::not_a_request, "--adopt wants NAME [--remote REMOTE]; nothing was done"});
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  return run_host_step(*policy, policy_path, "--adopt", args, args[0],
                       [&](step::Context& context) { return step::adopt(context, args[0], one ? args[2] : ""); });
}

}  // namespace backupctl::operate
