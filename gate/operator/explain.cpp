#include "policy/explain.h"

#include <time.h>

#include "common/civil_date.h"
#include "common/io.h"
#include "gate/operator/operator.h"
#include "gate/config/policy_file.h"

namespace backupctl::operate {

Exit explain(const std::string& policy_path, const Args& args) {
  const bool named = args.size() == 3 && args[1] == "--client";
  if (args.size() != 1 && !named) return complain({Exit::not_a_request, "--explain wants 'REQUEST' [--client NAME]"});
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  policy::Caller caller;
  if (named) caller.client = args[2];
  if (const auto now = time_in_zone(::time(nullptr), policy->gate.timezone)) caller.minute_of_day = now->minute_of_day;
  static_cast<void>(write_all(1, policy::explain(*policy, args[0], caller)));
  return Exit::done;
}

}  // namespace backupctl::operate
