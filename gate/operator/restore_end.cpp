#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"
#include "gate/step/in_place_end.h"

/// What becomes of the old files that a restore in place has kept (D6).
namespace backupctl::operate {
namespace {

Exit end(const std::string& policy_path, const Args& args, const std::string& word,
         Result<step::Report> (*step)(step::Context&, const std::string&)) {
  if (args.size() != 1 || !is_name(args[0]))
    return complain({Exit::not_a_request, word + " wants the name of a service; nothing was done"});
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  return run_host_step(*policy, policy_path, word, args, args[0],
                       [&](step::Context& context) { return step(context, args[0]); });
}

}  // namespace

Exit restore_commit(const std::string& policy_path, const Args& args) {
  return end(policy_path, args, "--restore-commit", step::restore_commit);
}
Exit restore_rollback(const std::string& policy_path, const Args& args) {
  return end(policy_path, args, "--restore-rollback", step::restore_rollback);
}

}  // namespace backupctl::operate
