#include <algorithm>
#include <utility>

#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"
#include "gate/state/exchange_record.h"
#include "gate/state/kept.h"
#include "gate/state/lock.h"
#include "gate/state/recovery.h"
#include "gate/step/in_place_end.h"

/// What becomes of the old files that a restore in place has kept (D6).
namespace backupctl::operate {
namespace {

/// A plan that did not end believes its record; what is put back is not done in it any more. Before it is put back, so that it
/// holds after a crash.
Result<> unsettle(step::Context& context, const std::string& service) {
  const auto exchange = state::read_exchange(context.state, service);
  const auto kept = state::open_kept(context.state, service);
  if ((!exchange || !exchange->has_value()) && (!kept || !kept->has_value())) return {};  // nothing to put back
  for (const std::string& plan : state::list_recoveries(context.state)) {
    const auto lock = state::Lock::try_take(context.state, "recovery");
    if (!lock) return pass(lock.error());
    auto recovery = state::read_recovery(context.state, plan);
    if (!recovery || !recovery->has_value()) continue;  // damaged: --check says so
    const auto step = std::ranges::find((*recovery)->steps, std::pair(service, state::Recovery::Phase::done),
                                        [](const state::Recovery::Step& each) { return std::pair(each.name, each.phase); });
    if (step == (*recovery)->steps.end()) continue;
    if (!lock->has_value())
      return fail(Exit::unavailable, "--recover-plan {} is under way and builds on what was restored of {}; nothing was done",
                  plan, service);
    step->phase = state::Recovery::Phase::waiting;
    if (auto written = state::write_recovery(context.state, **recovery); !written) return written;
  }
  return {};
}

Result<step::Report> put_back(step::Context& context, const std::string& service) {
  if (auto unsettled = unsettle(context, service); !unsettled) return pass(unsettled.error());
  return step::restore_rollback(context, service);
}

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
  return end(policy_path, args, "--restore-rollback", put_back);
}

}  // namespace backupctl::operate
