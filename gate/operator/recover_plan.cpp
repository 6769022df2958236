#include <fmt/ranges.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/escape.h"
#include "gate/check/findings.h"
#include "gate/config/policy_file.h"
#include "gate/operator/host_step.h"
#include "gate/operator/recovery_report.h"
#include "gate/operator/recovery_run.h"
#include "gate/state/lock.h"

namespace backupctl::operate {
namespace {

using Phase = state::Recovery::Phase;

struct Wish {
  std::string plan, from;
  bool dry_run = false, yes = false;
};

Result<Wish> parse(const Args& args) {
  Wish wish;
  CLI::App app("backupctl --recover-plan");
  app.add_option("NAME", wish.plan)->required();
  app.add_option("--from", wish.from);
  app.add_flag("--dry-run", wish.dry_run);
  app.add_flag("--yes", wish.yes);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    return fail(Exit::not_a_request, "--recover-plan wants NAME [--dry-run] [--from STEP] [--yes] ({}); nothing was done",
                escape_line(error.what(), 200));
  }
  return wish;
}

Result<const policy::Recovery*> find_plan(const policy::Policy& policy, const std::string& name) {
  const auto found = policy.recoveries.find(name);
  if (found != policy.recoveries.end()) return &found->second;
  std::string known;
  for (const auto& [other, plan] : policy.recoveries) known += (known.empty() ? "" : ", ") + other;
  return fail(Exit::not_permitted, "the policy has no [recovery.{}] (it has {}); nothing was done", escape_line(name, 64),
              known.empty() ? "none" : known);
}

/// An unfinished run as old as this is no longer gone on with by itself: what it restored has been written to for days, or was
/// decided about otherwise, and nobody remembers.
constexpr std::int64_t stale_after = std::int64_t{7} * 24 * 3600;

std::int64_t age(const state::Recovery& earlier) { return std::max<std::int64_t>(0, ::time(nullptr) - earlier.begun); }

/// What of an earlier run still holds, with --from.
Result<state::Recovery> begin_at(const std::string& from, state::Recovery progress,
                                 const std::optional<state::Recovery>& earlier) {
  auto& steps = progress.steps;
  const auto first = std::find_if(steps.begin(), steps.end(), [&](const auto& step) { return step.name == from; });
  if (first == steps.end())
    return fail(Exit::not_a_request, "--from wants a step of [recovery.{}] as the policy writes it; nothing was done",
                progress.plan);
  if (earlier) progress.begun = earlier->begun;
  for (auto step = steps.begin(); step <= first; ++step) {
    if (step < first) step->phase = Phase::left_out;
    if (!earlier) continue;
    const auto before =
        std::find_if(earlier->steps.begin(), earlier->steps.end(), [&](const auto& other) { return other.name == step->name; });
    // A step that is done is done anew, and says itself what stands in its way.
    if (before != earlier->steps.end() && (before->phase == Phase::done) == (step < first)) *step = *before;
  }
  return progress;
}

/// Where this run begins: behind what an earlier one that did not end has done.
Result<state::Recovery> progress_of(const policy::Policy& policy, const policy::Recovery& plan, const state::StateDir& state,
                                    const Wish& wish) {
  state::Recovery progress{plan.name, ::time(nullptr), policy.digest, {}};
  for (const std::string& step : plan.steps) progress.steps.push_back({step});
  auto earlier = state::read_recovery(state, plan.name);
  if (!earlier) return pass(earlier.error());
  const bool stale = earlier->has_value() && age(**earlier) > stale_after;
  if (!wish.from.empty()) return begin_at(wish.from, std::move(progress), stale ? std::nullopt : *earlier);
  if (!earlier->has_value()) return progress;
  const bool same = std::equal(progress.steps.begin(), progress.steps.end(), (*earlier)->steps.begin(), (*earlier)->steps.end(),
                               [](const auto& a, const auto& b) { return a.name == b.name; });
  if (!same || (*earlier)->policy != policy.digest)
    return fail(
        Exit::not_a_request,
        "{} changed since the run of {}, which did not end (it came to step {} of {}): say with --from STEP where to go "
        "on; nothing was done",
        same ? "the policy" : "the steps of [recovery." + plan.name + "]", moment(policy, (*earlier)->begun),
        (*earlier)->next() + 1, (*earlier)->steps.size());
  if (stale && wish.yes && !wish.dry_run)
    return fail(
        Exit::not_a_request,
        "the run of {}, which came to step {} of {} and did not end, lies {} back, and --yes alone does not go on with it: see "
        "what became of the services since, then say with --from STEP where to begin; nothing was done",
        moment(policy, (*earlier)->begun), (*earlier)->next() + 1, (*earlier)->steps.size(), check::span(age(**earlier)));
  return std::move(**earlier);
}

/// What is done already, and by which run; empty for one that begins with the first step.
std::string standing(const policy::Policy& policy, const state::Recovery& progress) {
  if (!progress.under_way()) return {};
  const std::size_t next = progress.next();
  std::vector<std::string> done;
  for (std::size_t i = 0; i < next; ++i)
    done.push_back(fmt::format("{} ({})", progress.steps[i].name, state::word(progress.steps[i].phase)));
  return fmt::format("{} of the run of {}, {} ago, which did not end; {}",
                     done.empty() ? "nothing" : fmt::format("{}", fmt::join(done, ", ")), moment(policy, progress.begun),
                     check::span(age(progress)),
                     next < progress.steps.size() ? "going on with " + progress.steps[next].name : "nothing is left to do");
}

std::string question(const policy::Policy& policy, const policy::Recovery& plan, const state::Recovery& progress) {
  std::vector<std::string> services, starts;
  const std::string earlier = standing(policy, progress);
  for (std::size_t i = progress.next(); i < progress.steps.size(); ++i)
    (plan.steps[i].starts_with("start:") ? starts : services).push_back(plan.steps[i]);
  return fmt::format("{}{}the data of {} would be replaced by their newest verified backups{}", earlier,
                     earlier.empty() ? "" : ": ", services.empty() ? "nothing" : fmt::format("{}", fmt::join(services, ", ")),
                     starts.empty() ? "" : fmt::format(", with what {} starts stopped until then", fmt::join(starts, ", ")));
}

}  // namespace

Exit recover_plan(const std::string& policy_path, const Args& args) {
  const auto wish = parse(args);
  if (!wish) return complain(wish.error());
  const auto policy = config::read_policy(policy_path);
  if (!policy) return complain(policy.error());
  const auto plan = find_plan(*policy, wish->plan);
  if (!plan) return complain(plan.error());
  const auto state = state::StateDir::open(policy->gate.state_dir);
  if (!state) return complain(state.error());
  // One plan of a host at a time, whichever: two may share services, and what one starts the other needs at rest.
  std::optional<state::Lock> lock;
  if (!wish->dry_run) {
    auto taken = state::Lock::try_take(*state, "recovery");
    if (!taken) return complain(taken.error());
    if (!taken->has_value())
      return complain({Exit::unavailable, "another run of --recover-plan is under way on this host; nothing was done"});
    lock = std::move(*taken);
  }
  const auto progress = progress_of(*policy, **plan, *state, *wish);
  if (!progress) return complain(progress.error());
  if (const std::string asked = question(*policy, **plan, *progress); !wish->dry_run && !wish->yes && !is_confirmed(asked))
    return complain({Exit::not_a_request, asked + ": look with --dry-run, say --yes to do it; nothing was done"});
  const auto run = [&](step::Context& context) {
    if (const std::string text = standing(*policy, *progress); !text.empty()) context.output.note(text, false);
    return wish->dry_run ? foresee_plan(context, **plan, *progress) : run_plan(context, **plan, *progress);
  };
  // The time of each step, and once more for looking ahead and for the record.
  const int times = static_cast<int>(progress->steps.size()) + 1;
  return run_host_step(*policy, policy_path, "--recover-plan", args, wish->plan, run, times);
}

}  // namespace backupctl::operate
