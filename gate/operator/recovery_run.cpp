#include "gate/operator/recovery_run.h"

#include <fmt/ranges.h>

#include "gate/operator/host_step.h"
#include "gate/operator/recovery_report.h"
#include "gate/state/exchange_record.h"
#include "gate/state/kept.h"
#include "gate/step/recovery_step.h"

namespace backupctl::operate {
namespace {

using Phase = state::Recovery::Phase;

/// The steps that are done, or that are not; what --from left out is neither.
std::vector<std::string> names(const state::Recovery& progress, bool done) {
  std::vector<std::string> found;
  for (const auto& step : progress.steps)
    if (step.phase != Phase::left_out && (step.phase == Phase::done) == done) found.push_back(step.name);
  return found;
}

std::string list(const std::vector<std::string>& words) {
  return words.empty() ? "nothing" : fmt::format("{}", fmt::join(words, ", "));
}

/// The steps' services of which a restore is to be decided. What a bucket held is kept beside it, and needs no decision.
std::vector<std::string> undecided_restores(const state::StateDir& state, const state::Recovery& progress) {
  std::vector<std::string> found;
  for (const auto& step : progress.steps) {
    const auto exchange = state::read_exchange(state, step.name);
    const auto kept = state::open_kept(state, step.name);
    if ((exchange && exchange->has_value()) || (kept && kept->has_value())) found.push_back(step.name);
  }
  return found;
}

/// A restore that was broken off, and neither repeated nor taken back: no later step may build on it (D6).
bool is_broken_off(const state::StateDir& state, const std::string& service) {
  const auto exchange = state::read_exchange(state, service);
  const auto kept = state::open_kept(state, service);
  return !exchange || !kept || (exchange->has_value() && (*exchange)->broken_off()) ||
         (kept->has_value() && !(*kept)->concluded);
}

/// What is to be known about a plan that ended before its end. @param what  "step 2 of 4, queue, failed (above)"
Error stopped_at(const state::Recovery& progress, const policy::Policy& policy, Exit exit, const std::string& what) {
  std::string resting;
  for (const std::string& name : names(progress, false))
    if (step::started_by(policy, name) != nullptr) resting += (resting.empty() ? "" : ", ") + name;
  return {exit,
          fmt::format("{}, and no later step was begun: done is {}, not done is {}{}; see to it, then go on there with "
                      "backupctl --recover-plan {}, or at another step with --from STEP",
                      what, list(names(progress, true)), list(names(progress, false)),
                      resting.empty() ? "" : ", so what " + resting + " starts stands still and nobody starts it by itself",
                      progress.plan)};
}

/// One step, as a request of its own.
Result<> take(step::Context& context, const policy::Recovery& plan, std::size_t index, state::Recovery& progress) {
  state::Recovery::Step& step = progress.steps[index];
  const Phase before = step.phase;
  step.phase = Phase::begun;
  if (auto written = state::write_recovery(context.state, progress); !written) {
    step.phase = before;
    return written;
  }
  Result<step::Report> report = fail(Exit::bug, "it was not run");
  const auto began = monitor::Clock::now();
  const Exit exit = run_host_step(context.policy, context.policy_path, "--recover-plan", {plan.name, "step", step.name},
                                  step.name, [&](step::Context& own) {
                                    report = step::take_step(own, plan, index, before);
                                    return report;
                                  });
  step.seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  step.phase = exit == Exit::done ? Phase::done : Phase::failed;
  step.text = report ? report->text : report.error().sentence;
  for (const monitor::Field& field : report ? report->fields : std::vector<monitor::Field>{})
    if (field.name == "archive") step.text = fmt::format("{} ({})", step.text, field.human);
  auto written = state::write_recovery(context.state, progress);
  if (exit != Exit::done)
    return fail(exit, "step {} of {}, {}, failed as said above", index + 1, progress.steps.size(), step.name);
  return written;
}

}  // namespace

Result<step::Report> foresee_plan(step::Context& context, const policy::Recovery& plan, const state::Recovery& progress) {
  double sum = 0;
  int unknown = 0, faults = 0;
  std::optional<Error> worst;
  std::vector<std::string> resting;
  std::string table;  // said as a whole, behind what the looking itself says
  for (std::size_t i = 0; i < progress.steps.size(); ++i) {
    const state::Recovery::Step& step = progress.steps[i];
    const std::string front = fmt::format("{:>2}. {:<24} ", i + 1, step.name);
    if (step.phase == Phase::done || step.phase == Phase::left_out) {
      if (is_broken_off(context.state, step.name)) {
        table += front +
                 fmt::format("CANNOT: a restore of it was broken off; begin with it (--from {0}), or --restore-rollback {0}\n",
                             step.name);
        ++faults;
        if (!worst) worst = Error{Exit::unavailable, {}};
        continue;
      }
      table += front + (step.phase == Phase::done ? "done already\n" : "left out\n");
      continue;
    }
    const auto outlook = step::look_ahead(context, plan, step.name, step.phase);
    if (!outlook) {
      if (context.session.over()) return pass(outlook.error());
      table += front + "CANNOT: " + outlook.error().sentence + "\n";
      ++faults;
      // What does not verify weighs most: trying again is no answer to it.
      if (!worst || (worst->exit != Exit::bad_data && outlook.error().exit == Exit::bad_data)) worst = outlook.error();
      continue;
    }
    const bool starts = step::started_by(context.policy, step.name) != nullptr;
    sum += outlook->seconds.value_or(0);
    unknown += !starts && !outlook->seconds;
    if (outlook->rests && progress.under_way()) resting.push_back(step.name);
    table += front + outlook->text +
             (starts             ? ""
              : outlook->seconds ? fmt::format("; about {:.1f} s, as the drill of {}", *outlook->seconds, outlook->drilled)
                                 : "; no drill yet, so how long it takes is unknown") +
             "\n";
  }
  context.output.text(table);
  if (worst)
    return fail(worst->exit, "{} of {} steps cannot be served now (CANNOT, above); nothing was done{}", faults,
                progress.steps.size(),
                resting.empty() ? ""
                                : fmt::format(", and what {} starts stands still since the earlier run: nobody but the rest of "
                                              "the plan starts it, or you by hand",
                                              list(resting)));
  return step::Report{"looked ahead",
                      {monitor::number_field("steps", static_cast<std::int64_t>(progress.steps.size() - progress.next())),
                       monitor::seconds_field("drills", sum), monitor::number_field("without-drill", unknown)}};
}

Result<step::Report> run_plan(step::Context& context, const policy::Recovery& plan, state::Recovery progress) {
  // Nothing is stopped for a plan that is known not to come to its end.
  if (auto foreseen = foresee_plan(context, plan, progress); !foreseen) return foreseen;
  Result<> done;
  for (std::size_t i = progress.next(); done && i < progress.steps.size(); i = progress.next()) {
    done = context.session.over() ? fail(Exit::unavailable, "told to end before step {}, {}", i + 1, progress.steps[i].name)
                                  : take(context, plan, i, progress);
  }
  context.output.text(report_lines(context, progress));
  const auto record = write_report(context, progress);
  if (!record) context.output.note(record.error().sentence, true);
  if (!done) return pass(stopped_at(progress, context.policy, done.error().exit, done.error().sentence));
  if (auto removed = state::remove_recovery(context.state, plan.name); !removed) return pass(removed.error());
  step::Report report{"recovered", {}};
  if (const auto undecided = undecided_restores(context.state, progress); !undecided.empty())
    report.text += fmt::format("; the restores of {} can be taken back until --restore-commit of each, with --restore-rollback",
                               list(undecided));
  if (record) report.fields.push_back(monitor::text_field("record", *record));
  return report;
}

}  // namespace backupctl::operate
