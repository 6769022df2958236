#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include <algorithm>

#include "common/escape.h"
#include "common/io.h"
#include "gate/lease/store.h"
#include "gate/sandbox/cage.h"
#include "gate/sandbox/mount.h"
#include "gate/state/exchange_record.h"
#include "gate/state/kept.h"
#include "gate/state/recovery.h"
#include "gate/step/recovery_step.h"
#include "gate/step/runner.h"
#include "gate/step/step.h"

namespace backupctl::step {
namespace {

/// A shared lock is asked for and given back at once: it tells, and keeps nobody from working for longer than a moment.
bool is_locked(const state::StateDir& state, const std::string& name) {
  UniqueFd fd = open_beneath(state.fd(), "locks/" + name, O_RDONLY);
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

/// One row of the status: what is known of a service or target without asking anybody.
struct Row {
  std::string name = {};
  std::string kind = {};   ///< "service", "extra target"
  std::string state = {};  ///< "stopped under a lease", "not stopped by the gate", …
  std::int64_t left = -1;  ///< seconds until the lease's deadline, -1 without
  bool busy = false;
  std::string restore = {};   ///< what a restore in place has left to decide; empty: nothing
  std::string recovery = {};  ///< which recovery plan has not ended that it belongs to; empty: none
};

/// D6: old files that wait for a commit or a rollback, or a restore that was broken off.
std::string restore_words(const state::StateDir& state, const std::string& service) {
  const auto exchange = state::read_exchange(state, service);
  if (!exchange) return exchange.error().sentence;
  if (!exchange->has_value()) {
    const auto kept = state::open_kept(state, service);
    if (!kept) return kept.error().sentence;
    if (!kept->has_value()) return {};
    return (*kept)->concluded ? "restored, what the server held before is kept until --restore-commit or --restore-rollback"
                              : "a restore was broken off: say the same --restore again, or --restore-rollback";
  }
  using enum state::Exchange::Phase;
  switch ((*exchange)->phase) {
    case kept:
      return fmt::format("restored from {}, {}", (*exchange)->backup,
                         (*exchange)->replaced()
                             ? "the old files are kept until --restore-commit or --restore-rollback"
                             : "nothing was there before: --restore-commit makes it final, --restore-rollback takes it away");
    case unproven:
      return fmt::format("restored from {}, and not seen to run on it: run --restore again, or --restore-rollback",
                         (*exchange)->backup);
    default:
      return "a restore is under way or was broken off; its next start or step undoes it";
  }
}

/// What a recovery plan stopped has no lease, and nobody else starts it (S1). The plan is named, but not the services it is
/// about beside this one, of which a client may know nothing.
std::string recovery_words(Context& context, const policy::Service& service) {
  std::string words;
  for (const std::string& name : state::list_recoveries(context.state)) {
    const auto record = state::read_recovery(context.state, name);
    if (!record || !record->has_value() || !(*record)->under_way()) continue;
    policy::Recovery plan{name, {}};  // as it was begun, whatever the policy says now
    for (const state::Recovery::Step& step : (*record)->steps) plan.steps.push_back(step.name);
    const bool concerned = std::any_of(plan.steps.begin(), plan.steps.end(), [&](const std::string& step) {
      const policy::Controller* controller = started_by(context.policy, step);
      if (controller == nullptr) return step == service.name;
      const auto users = users_of(context.policy, plan, *controller);
      return std::any_of(users.begin(), users.end(), [&](const auto& user) { return user.name == service.name; });
    });
    if (concerned)
      words += fmt::format(
          "{}the recovery plan {}, to which it belongs, has not ended, and what it starts at its end stands still until then: "
          "on the host, backupctl --recover-plan {}",
          words.empty() ? "" : "; ", name, name);
  }
  return words;
}

std::int64_t seconds_left(const lease::Lease& lease) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::max<std::int64_t>(0, lease.deadline / 1'000'000'000 - now.tv_sec);
}

Row service_row(Context& context, const policy::Service& service) {
  Row row{.name = service.name, .kind = "service"};
  row.busy = is_locked(context.state, "service-" + service.name);
  const auto lease = lease::read(context.state.fd(), service.name);
  if (!lease)
    row.state = "its lease is damaged";
  else if (lease->has_value())
    row.state = "stopped under a lease", row.left = seconds_left(**lease);
  else
    row.state = service.controller.empty() ? "never stopped by the gate" : "not stopped by the gate";
  row.restore = restore_words(context.state, service.name);
  row.recovery = recovery_words(context, service);
  return row;
}

/// Asks the controller; done for one named service only, since managers take their time.
Result<std::string> controller_words(Context& context, const policy::Service& service, bool leased) {
  const auto found = context.policy.controllers.find(service.controller);
  if (found == context.policy.controllers.end()) return std::string();
  auto state = service::query(found->second, service.name, controller_runner(context.session),
                              leased ? std::optional(false) : std::nullopt);
  if (!state) return pass(state.error());
  std::string words;
  const auto add = [&words](const service::Names& names, std::string_view what) {
    for (const std::string& name : names) words += fmt::format("{}{} {}", words.empty() ? "" : ", ", name, what);
  };
  add(state->running, state->known ? "running" : "running as far as is known");
  add(state->stopped, "stopped");
  add(state->other, "");
  add(state->missing, "missing");
  return words;
}

void print(Context& context, const Row& row, const std::string& controller) {
  if (context.output.json()) {
    context.output.json_line(fmt::format(
        R"({{"schema":1,"type":"status","name":{},"kind":"{}","state":{},"busy":{},"lease_seconds_left":{},"controller":{},"restore":{},"recovery":{}}})",
        json_string(row.name), row.kind, json_string(row.state), row.busy, row.left < 0 ? "null" : std::to_string(row.left),
        controller.empty() ? "null" : json_string(controller), row.restore.empty() ? "null" : json_string(row.restore),
        row.recovery.empty() ? "null" : json_string(row.recovery)));
    return;
  }
  std::string line = fmt::format("{}: {}", row.name, row.state);
  if (row.left >= 0) line += fmt::format(", at most {} s left until the host starts it", row.left);
  if (row.busy) line += ", a step is running";
  if (!controller.empty()) line += "; " + controller;
  if (!row.restore.empty()) line += "; " + row.restore;
  if (!row.recovery.empty()) line += "; " + row.recovery;
  context.output.text(line);
}

/// Which layers protect this host's children, and where one is missing (architecture.md: nothing falls back silently).
void print_protections(Context& context) {
  const sandbox::Protections have = sandbox::protections();
  std::string unmapped;
  for (const auto& [name, service] : context.policy.services) {
    if (service.source != policy::SourceKind::tree) continue;
    UniqueFd tree = open_no_symlinks(service.path, O_PATH | O_DIRECTORY);
    if (tree && !sandbox::can_idmap(tree.get())) unmapped += (unmapped.empty() ? "" : ", ") + name;
  }
  if (context.output.json()) {
    context.output.json_line(fmt::format(
        R"({{"schema":1,"type":"protections","landlock_abi":{},"seccomp":{},"user_namespaces":{},"trees_without_idmapping":{}}})",
        have.landlock_abi, have.seccomp, have.user_namespaces, json_string(unmapped)));
    return;
  }
  context.output.text(fmt::format("protections: private root, own uids, syscall filter {}, Landlock {}, idmapped trees {}",
                                  have.seccomp ? "yes" : "NO",
                                  have.landlock_abi > 0 ? fmt::format("ABI {}", have.landlock_abi) : "NO",
                                  !have.user_namespaces ? "NO"
                                  : unmapped.empty()    ? "yes"
                                                        : "not for " + unmapped + " (their file system cannot)"));
}

}  // namespace

Result<Report> status(Context& context, const policy::Plan& plan) {
  for (const auto& [name, service] : context.policy.services) {
    if (plan.service != nullptr ? plan.service != &service : plan.target != nullptr || !policy::may_use(plan.client, name))
      continue;
    const Row row = service_row(context, service);
    auto words = plan.service != nullptr ? controller_words(context, service, row.left >= 0) : std::string();
    if (!words) context.output.note(words.error().sentence, true);
    print(context, row, words.value_or(""));
  }
  for (const auto& [name, target] : context.policy.extra_targets) {
    if (plan.target != nullptr ? plan.target != &target : plan.service != nullptr || !policy::may_use(plan.client, name))
      continue;
    print(context,
          {.name = name,
           .kind = "extra target",
           .state = "mirrored on request",
           .busy = is_locked(context.state, "target-" + name)},
          "");
  }
  print_protections(context);
  return Report{};
}

}  // namespace backupctl::step
