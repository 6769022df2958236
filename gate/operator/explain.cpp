#include "policy/explain.h"

#include <time.h>

#include "common/civil_date.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/operator/operator.h"
#include "gate/step/run.h"
#include "policy/decision.h"

namespace backupctl::operate {

Exit explain(const std::string& policy_path, const Args& args) {
  const bool named = args.size() == 3 && args[1] == "--client";
  if (args.size() != 1 && !named) return complain({Exit::not_a_request, "--explain wants 'REQUEST' [--client NAME]"});
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  policy::Caller caller;
  if (named) caller.client = args[2];
  if (const auto now = time_in_zone(::time(nullptr), policy->gate.timezone)) caller.minute_of_day = now->minute_of_day;
  std::string text = policy::explain(*policy, args[0], caller);
  // What the policy allows and this version has no code for is refused all the same.
  if (const auto request = parse_request(args[0]))
    if (const auto plan = policy::decide(*policy, *request, caller))
      if (const std::string why = step::not_built(*plan); !why.empty()) text += fmt::format("refused   {}\n", why);
  static_cast<void>(write_all(1, text));
  return Exit::done;
}

}  // namespace backupctl::operate
