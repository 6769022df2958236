#include <algorithm>

#include "common/io.h"
#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/operator/operator.h"
#include "gate/step/run.h"
#include "policy/decision.h"

namespace backupctl::operate {

Exit run_verb(const std::string& policy_path, const Args& args) {
  Args words = args;
  const auto replace = std::find(words.begin(), words.end(), "--replace");
  const bool replaces = replace != words.end() && (words[0] == "--archive" || words[0] == "--backup");
  if (replaces) words.erase(replace);
  // The command line is put into the request's own grammar, so that the host and the gate accept the same.
  std::string request = "backupctl";
  for (const std::string& word : words) request += " " + word;
  const auto parsed = parse_request(request);
  if (!parsed)
    return complain({info(parsed.error()).exit, fmt::format("{} (see backupctl --help)", info(parsed.error()).sentence)});
  const auto policy = config::read_policy(policy_path);
  auto state = state::StateDir::open(policy ? policy->gate.state_dir : config::state_dir_of(policy_path));
  if (!state) return complain(state.error());
  if (!policy)
    return parsed->verb == Verb::start ? step::start_from_lease(*parsed, *state, policy.error()) : complain(policy.error());
  const auto decision = policy::decide(*policy, *parsed, {.is_operator = true});
  if (!decision) {
    const RefusalInfo& row = info(decision.error().code);
    return complain({row.exit, fmt::format("refused [{}]: {}", row.word, decision.error().rule)});
  }
  return step::run(*policy, policy_path, *state, *decision, {"request", {{"request", request}, {"client", "operator"}}},
                   {.caller = "operator", .over_gate = false, .replace = replaces});
}

}  // namespace backupctl::operate
