#include <fmt/ranges.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/escape.h"
#include "common/io.h"
#include "gate/check/findings.h"
#include "gate/config/policy_file.h"
#include "gate/lease/store.h"
#include "gate/operator/operator.h"
#include "gate/state/exchange_record.h"
#include "gate/state/history.h"
#include "gate/state/kept.h"
#include "gate/state/recovery.h"
#include "policy/values.h"

namespace backupctl::operate {
namespace {

using check::Finding;
using check::Grade;

/// A lease whose time is over is the guardian's business for a moment, and --recover's, once a minute, for another.
constexpr std::int64_t overdue_after = 180'000'000'000;  // nanoseconds
constexpr std::int64_t undecided_after =
    std::int64_t{7} * 24 * 60 * 60;  ///< seconds that the old files of a restore are kept without a word

struct Wish {
  std::vector<std::string> names;
  check::Limits limits;
  bool json = false;
  [[nodiscard]] bool wants(const std::string& name) const {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }
};

Result<Wish> parse(const Args& args) {
  Wish wish;
  std::string drop;
  std::vector<std::pair<policy::Seconds*, std::string>> ages = {{&wish.limits.warn_age, ""},
                                                                {&wish.limits.crit_age, ""},
                                                                {&wish.limits.warn_mirror, ""},
                                                                {&wish.limits.crit_mirror, ""},
                                                                {&wish.limits.warn_drill, ""}};
  constexpr const char* options[] = {"--warn-age", "--crit-age", "--warn-mirror", "--crit-mirror", "--warn-drill"};
  CLI::App app("backupctl --check");
  app.add_option("NAME", wish.names);
  app.add_flag("--json", wish.json);
  app.add_option("--warn-drop", drop);
  for (std::size_t i = 0; i < ages.size(); ++i) app.add_option(options[i], ages[i].second);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::Error& error) {
    return fail(Exit::not_a_request, "--check wants [NAME…] [--json] and ages like --warn-age 8d ({})",
                escape_line(error.what(), 200));
  }
  for (std::size_t i = 0; i < ages.size(); ++i) {
    if (ages[i].second.empty()) continue;
    const auto parsed = policy::parse_duration(ages[i].second);
    if (!parsed) return fail(Exit::not_a_request, "{} wants an age like 36h or 8d, or 0 for never", options[i]);
    *ages[i].first = *parsed;
  }
  if (!drop.empty()) {
    const auto parsed = policy::parse_limit(drop);
    if (!parsed) return fail(Exit::not_a_request, "--warn-drop wants a share like 50%, or 0 for never");
    wish.limits.warn_drop = *parsed;
  }
  return wish;
}

/// All that is said at the end.
struct Answer {
  std::vector<Finding> findings = {};
  std::vector<std::string> figures = {};  ///< performance data, one service each
  std::size_t looked_at = 0;

  [[nodiscard]] Grade worst() const {
    Grade worst = Grade::ok;
    for (const Finding& finding : findings) worst = std::max(worst, finding.grade);
    return worst;
  }
};

/// The guidelines' form: a line with the state and performance data, then a line for each problem. `|` begins performance data.
std::string plain(std::string text) {
  std::replace(text.begin(), text.end(), '|', '/');
  return escape_line(text);
}

Exit say(const Answer& answer, bool json) {
  const Grade grade = answer.worst();
  std::string text;
  if (json) {
    for (const Finding& finding : answer.findings)
      text += fmt::format("{}{{\"state\":\"{}\",\"name\":{},\"text\":{}}}", text.empty() ? "" : ",", check::word(finding.grade),
                          json_string(finding.name), json_string(finding.text));
    text = fmt::format("{{\"schema\":1,\"type\":\"check\",\"state\":\"{}\",\"exit\":{},\"looked_at\":{},\"problems\":[{}]}}\n",
                       check::word(grade), static_cast<int>(grade), answer.looked_at, text);
  } else {
    const auto described = [](const Finding& finding) {
      return plain(finding.name.empty() ? finding.text : finding.name + ": " + finding.text);
    };
    const auto first = std::find_if(answer.findings.begin(), answer.findings.end(),
                                    [&](const Finding& finding) { return finding.grade == grade; });
    std::string summary = fmt::format("{} services and targets", answer.looked_at);
    if (first != answer.findings.end()) summary = described(*first);
    if (answer.findings.size() > 1) summary += fmt::format(" (and {} more)", answer.findings.size() - 1);
    text = fmt::format("BACKUPCTL {} - {}{}{}\n", check::word(grade), summary, answer.figures.empty() ? "" : "|",
                       fmt::join(answer.figures, " "));
    for (const Finding& finding : answer.findings)
      text += fmt::format("{}: {}\n", check::word(finding.grade), described(finding));
  }
  static_cast<void>(write_all(1, text));
  return static_cast<Exit>(grade);  // the plugin's own codes, which a monitoring system asks for, and none of ours
}

Exit unknown(const Wish& wish, std::string why) { return say({.findings = {{Grade::unknown, "", std::move(why)}}}, wish.json); }

/// What stands still, and should not (S1).
void check_leases(const state::StateDir& state, const Wish& wish, Answer& answer) {
  const auto boot = lease::boot_id();
  const auto services = lease::list(state.fd());
  if (!boot || !services) {
    answer.findings.push_back(
        {Grade::critical, "",
         "the leases of stopped services cannot be read: " + (boot ? services.error().sentence : boot.error().sentence)});
    return;
  }
  for (const std::string& name : *services) {
    if (!wish.wants(name)) continue;
    auto lease = lease::read(state.fd(), name);
    if (!lease) {
      answer.findings.push_back({Grade::critical, name, lease.error().sentence});
    } else if (lease->has_value()) {
      (*lease)->deadline += overdue_after;
      if (lease::is_due(**lease, *boot))
        answer.findings.push_back(
            {Grade::critical, name,
             fmt::format("it was stopped and should long be started again; run backupctl --start {}", name)});
    }
  }
}

/// What a restore into a server has left to decide (D6).
void check_kept(const state::StateDir& state, const Wish& wish, std::int64_t now, Answer& answer) {
  for (const std::string& name : state::list_kept(state)) {
    if (!wish.wants(name)) continue;
    const auto kept = state::open_kept(state, name);
    if (!kept)
      answer.findings.push_back({Grade::critical, name, kept.error().sentence});
    else if (kept->has_value() && !(*kept)->concluded)
      answer.findings.push_back(
          {Grade::critical, name,
           fmt::format("a restore was broken off, and the server may hold a part; say the same --restore again, or "
                       "--restore-rollback {}",
                       name)});
    else if (kept->has_value() && now - (*kept)->made > undecided_after)
      answer.findings.push_back(
          {Grade::warning, name,
           fmt::format("what the server held before a restore takes room in {} for {}; decide: --restore-commit {} or "
                       "--restore-rollback {}",
                       state.at("kept/" + name), check::span(now - (*kept)->made), name, name)});
  }
}

/// What a restore in place has left to decide (D6).
void check_restores(const state::StateDir& state, const Wish& wish, std::int64_t now, Answer& answer) {
  for (const std::string& name : state::list_exchanges(state)) {
    if (!wish.wants(name)) continue;
    const auto restore = state::read_exchange(state, name);
    if (!restore) {
      answer.findings.push_back({Grade::critical, name, restore.error().sentence});
    } else if (restore->has_value() && (*restore)->broken_off()) {
      answer.findings.push_back(
          {Grade::critical, name, "a restore was broken off and is not undone yet; run backupctl --recover"});
    } else if (restore->has_value() && (*restore)->phase == state::Exchange::Phase::unproven) {
      answer.findings.push_back(
          {Grade::warning, name,
           fmt::format(
               "whether it runs on what was restored was not seen; run the same --restore again, or --restore-rollback {}",
               name)});
    } else if (restore->has_value() && now - (*restore)->made > undecided_after) {
      answer.findings.push_back(
          {Grade::warning, name,
           fmt::format("{} for {}; decide: --restore-commit {} or --restore-rollback {}",
                       (*restore)->replaced() ? "the old files of a restore take room in " + (*restore)->stages()
                                              : "a restore, before which nothing was there, is undecided",
                       check::span(now - (*restore)->made), name, name)});
    }
  }
}

/// What a recovery plan that did not end has left at rest has no lease, and nobody but the operator starts it.
void check_recoveries(const state::StateDir& state, std::int64_t now, Answer& answer) {
  for (const std::string& plan : state::list_recoveries(state)) {
    const auto recovery = state::read_recovery(state, plan);
    if (!recovery) answer.findings.push_back({Grade::critical, "", recovery.error().sentence});
    if (!recovery || !recovery->has_value()) continue;
    const std::size_t next = (*recovery)->next(), all = (*recovery)->steps.size();
    answer.findings.push_back(
        {Grade::critical, "",
         fmt::format("the recovery plan {}, begun {} ago, has not ended and may have left services stopped{}; run backupctl "
                     "--recover-plan {}",
                     plan, check::span(now - (*recovery)->begun),
                     next < all ? fmt::format(" (step {} of {}, {})", next + 1, all, (*recovery)->steps[next].name) : "",
                     plan)});
  }
}

/// Hosts from before there was a memory know the date alone.
state::Memory memory_of(const state::StateDir& state, const std::string& name) {
  state::Memory memory = state::read_memory(state, name);
  const auto history = state::read_history(state, name);
  if (memory.archives.empty() && history && history->newest_committed)
    memory.archives.push_back(
        {*history->newest_committed,
         std::chrono::sys_seconds(std::chrono::sys_days(*history->newest_committed)).time_since_epoch().count(), -1});
  return memory;
}

}  // namespace

Exit check(const std::string& policy_path, const Args& args) {
  const auto wish = parse(args);
  if (!wish) return unknown({}, wish.error().sentence);
  if (::geteuid() != 0)
    return unknown(*wish,
                   "--check must be run as root, since the state directory is root's alone: give the monitoring account a "
                   "sudoers line for this command");
  const auto policy = config::read_policy(policy_path);
  // Nothing is backed up then: that is no question of the check's.
  if (!policy)
    return say(
        {.findings = {{Grade::critical, "", "no backup runs, since the policy is not valid: " + policy.error().sentence}}},
        wish->json);
  for (const std::string& name : wish->names)
    if (!policy->services.contains(name) && !policy->extra_targets.contains(name))
      return unknown(*wish, fmt::format("the policy names no service or extra target {}", escape_line(name, 64)));
  const auto state = state::StateDir::open(policy->gate.state_dir);
  if (!state) return unknown(*wish, state.error().sentence);

  Answer answer;
  const std::int64_t now = ::time(nullptr);
  check_leases(*state, *wish, answer);
  check_kept(*state, *wish, now, answer);
  check_restores(*state, *wish, now, answer);
  if (wish->names.empty()) check_recoveries(*state, now, answer);
  const auto take = [&](std::vector<Finding> findings) {
    ++answer.looked_at;
    answer.findings.insert(answer.findings.end(), std::make_move_iterator(findings.begin()),
                           std::make_move_iterator(findings.end()));
  };
  for (const auto& [name, service] : policy->services) {
    if (!wish->wants(name)) continue;
    const state::Memory memory = memory_of(*state, name);
    take(check::judge_service(name, memory, service.remotes, wish->limits, now));
    if (memory.archives.empty()) continue;
    const auto& newest = memory.archives.back();
    answer.figures.push_back(fmt::format("'{}_age'={}s;{};{};0", name, std::max<std::int64_t>(0, now - newest.when),
                                         wish->limits.warn_age.count(), wish->limits.crit_age.count()));
    if (newest.bytes >= 0) answer.figures.push_back(fmt::format("'{}_size'={}B;;;0", name, newest.bytes));
  }
  for (const auto& [name, target] : policy->extra_targets)
    if (wish->wants(name)) take(check::judge_target(name, state::read_memory(*state, name + ".target"), wish->limits, now));
  // The worst first: a pager shows the beginning.
  std::stable_sort(answer.findings.begin(), answer.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.grade > b.grade; });
  return say(answer, wish->json);
}

}  // namespace backupctl::operate
