#include "gate/step/run.h"

#include <syslog.h>

#include "common/io.h"
#include "gate/lease/downtime.h"
#include "gate/lease/store.h"
#include "gate/service/controller.h"
#include "gate/state/lock.h"
#include "gate/step/remember.h"
#include "gate/step/service_start.h"
#include "gate/step/snapshot.h"
#include "gate/step/step.h"

namespace backupctl::step {
namespace {

/// How a verb queues and how its journal entries are kept.
struct Row {
  Verb verb;
  Result<Report> (*run)(Context&, const policy::Plan&);  ///< nullptr: not built
  bool waits;                                            ///< for a slot and for the service
  bool waits_for_disk;
};
constexpr Row rows[] = {
    {Verb::stop, stop, true, true},
    {Verb::start, start, false, true},
    {Verb::sync, sync, true, true},
    {Verb::archive, archive, true, true},
    {Verb::sync_extra, sync, true, true},
    {Verb::snapshot, snapshot, true, true},
    {Verb::backup, backup, true, true},
    {Verb::verify, verify_stored, false, true},
    {Verb::export_, export_snapshot, false, true},
    {Verb::status, status, false, false},
    {Verb::list, list, false, false},
    {Verb::version, version, false, false},
};
const Row& row_of(Verb verb) { return rows[static_cast<std::size_t>(verb)]; }

std::string name_of(const policy::Plan& plan) {
  return plan.service != nullptr ? plan.service->name : plan.target != nullptr ? plan.target->name : "";
}

std::string subject_of(const policy::Plan& plan) {
  const std::string word(info(plan.verb).word.substr(2));
  const std::string name = name_of(plan);
  return name.empty() ? word : word + " " + name;
}

/// The slot and the service's lock, in this order for everybody, so that nobody waits in a circle (S4).
Result<std::vector<state::Lock>> queue(Context& context, const policy::Plan& plan) {
  std::vector<std::string> slots;
  for (std::uint32_t i = 0; i < context.policy.gate.slots; ++i) slots.push_back(fmt::format("slot-{}", i));
  const auto wait = context.policy.gate.lock_wait;
  std::vector<state::Lock> locks;
  auto slot = state::take_any(
      context.state, slots, wait, context.session,
      fmt::format("other steps kept this host busy for {} s, so nothing was done; try again later", wait.count()));
  if (!slot) return pass(slot.error());
  locks.push_back(std::move(*slot));
  const std::string name = (plan.target != nullptr ? "target-" : "service-") + name_of(plan);
  auto lock = state::take_any(
      context.state, {name}, wait, context.session,
      fmt::format("another step of {} has run for {} s, so nothing was done; try again later", name_of(plan), wait.count()),
      plan.service != nullptr ? start_lock(plan.service->name) : "");
  if (!lock) return pass(lock.error());
  locks.push_back(std::move(*lock));
  if (plan.service != nullptr)
    if (auto whole = settle_restore(context.state, context.session, plan.service->name); !whole) return pass(whole.error());
  return locks;
}

Result<Report> run_row(Context& context, const policy::Plan& plan, const Row& row) {
  std::vector<state::Lock> locks;
  if (row.waits) {
    auto taken = queue(context, plan);
    if (!taken) return pass(taken.error());
    locks = std::move(*taken);
  }
  return row.run(context, plan);
}

journal::Entry end_entry(const policy::Plan& plan, const Options& options, const Result<Report>& report, double seconds) {
  const Exit exit = report ? report->exit : report.error().exit;
  journal::Entry entry{"end",
                       {{"step", subject_of(plan)},
                        {"client", options.caller},
                        {"exit", std::to_string(to_status(exit))},
                        {"seconds", fmt::format("{:.3f}", seconds)},
                        {"text", report ? report->text : report.error().sentence}}};
  if (report)
    for (const monitor::Field& field : report->fields) entry.fields.emplace_back(field.name, field.human);
  return entry;
}

/// Whether the request would stop its service.
bool stops(const policy::Plan& plan) {
  if (plan.service == nullptr || plan.service->controller.empty() || plan.service->consistency == policy::Consistency::hot)
    return false;
  if (plan.verb == Verb::stop || plan.verb == Verb::snapshot || plan.verb == Verb::backup) return true;
  const bool reads = plan.verb == Verb::sync || plan.verb == Verb::archive;
  return reads && plan.service->consistency == policy::Consistency::snapshot && !young_snapshot(*plan.service);
}

/// S6: whether a client would stop a service that was only just started, or whose downtime of today is used up.
bool keeps_down(const state::StateDir& state, const policy::Plan& plan) {
  if (!stops(plan)) return false;
  const auto lease = lease::read(state.fd(), plan.service->name);
  if (lease && lease->has_value()) return false;  // stopped already: a second stop extends nothing
  const auto boot = lease::boot_id();
  return boot && !lease::allowance(lease::read_downtime(state, plan.service->name), plan.service->guard, *boot);
}

}  // namespace

std::string not_built(const policy::Plan& plan) {
  const auto still_open = [](std::string_view what) { return fmt::format("this version of backupctl cannot do {}", what); };
  if (row_of(plan.verb).run == nullptr) return still_open(info(plan.verb).word);
  if (plan.service == nullptr) return {};
  const bool tree = plan.service->source == policy::SourceKind::tree;
  if (plan.verb == Verb::export_ && tree) return still_open("--export of a tree");
  if (plan.verb == Verb::verify && plan.service->source != policy::SourceKind::volumes && plan.snapshot_id)
    return still_open("--snapshot-id without volumes");
  return {};
}

Exit run(const policy::Policy& policy, const std::string& policy_path, const state::StateDir& state, const policy::Plan& plan,
         journal::Entry request_entry, const Options& options) {
  const auto began = monitor::Clock::now();
  const Row& row = row_of(plan.verb);
  const auto record = [&](const journal::Entry& entry) {
    return row.waits_for_disk ? journal::append(state, entry, journal::Durability::now) : journal::append_look(state, entry);
  };
  const int out = plan.verb == Verb::export_ ? 2 : 1;  // standard output is the export itself
  monitor::Output output(plan.json, subject_of(plan), out);
  const auto refuse = [&](RefusalCode code, std::string_view why) {
    const RefusalInfo& refusal = info(code);
    static_cast<void>(write_all(2, fmt::format("backupctl: refused [{}]: {}\n", refusal.word, why)));
    request_entry.event = "refused";
    request_entry.fields.emplace_back("code", refusal.word);
    journal::append_refusal(state, request_entry);
    return refusal.exit;
  };
  if (const std::string why = not_built(plan); !why.empty()) return refuse(RefusalCode::verb_not_for_source, why);
  if (options.over_gate && keeps_down(state, plan))
    return refuse(RefusalCode::too_often, info(RefusalCode::too_often).sentence);
  request_entry.fields.emplace_back("rule", plan.rule);
  if (auto written = record(request_entry); !written) {
    // A start needs no writable journal (S1); everything else does not run unrecorded (X9).
    if (plan.verb != Verb::start) {
      output.error({written.error().exit, written.error().sentence + "; nothing was done"});
      return written.error().exit;
    }
    ::syslog(LOG_AUTHPRIV | LOG_WARNING, "backupctl: start %s runs without a journal", name_of(plan).c_str());
  }
  monitor::Session session(output, plan.timeout, options.over_gate);
  Context context{policy, policy_path, state, session, output, options.caller, options.over_gate, options.replace};
  const Result<Report> report = run_row(context, plan, row);
  remember_run(context, plan, report ? report->exit : report.error().exit);
  const double seconds = std::chrono::duration<double>(monitor::Clock::now() - began).count();
  const auto head = record(end_entry(plan, options, report, seconds));
  if (!head) output.note(head.error().sentence, true);
  if (!report) {
    output.error(report.error());
    return report.error().exit;
  }
  if (report->text.empty()) return report->exit;
  std::vector<monitor::Field> fields = report->fields;
  fields.push_back(monitor::seconds_field("duration", seconds));
  if (head) fields.push_back(monitor::text_field("journal", *head));
  output.result(report->text, fields);
  return report->exit;
}

Exit start_from_lease(const Request& request, const state::StateDir& state, const Error& broken) {
  monitor::Output output(request.json, "start " + request.name);
  const auto refuse = [&](const Error& error) {
    output.error(error);
    return error.exit;
  };
  monitor::Session session(output, policy::Seconds(request.timeout.value_or(600)), false);
  auto started = end_lease(state, session, request.name);
  if (!started) return refuse(started.error());
  if (!*started)
    return refuse({Exit::bad_config,
                   "the policy of this host is not valid and the service has no lease, so nothing was started; on the host run "
                   "backupctl --check-policy"});
  static_cast<void>(journal::append(
      state,
      {"start", {{"service", request.name}, {"text", "started from its lease; the policy is not valid: " + broken.sentence}}},
      journal::Durability::later));
  output.result("started what the lease lists", {});
  return Exit::done;
}

}  // namespace backupctl::step
