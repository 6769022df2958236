#include "policy/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/verb_rules.h"

namespace backupctl::policy {
namespace {

/// What a check says: passed or not, and the rule. An empty rule: there was nothing to check.
struct Outcome {
  bool passed = true;
  std::string rule = {};
};

template <class... Args>
Outcome passed(fmt::format_string<Args...> format, Args&&... args) {
  return {true, fmt::format(format, std::forward<Args>(args)...)};
}
template <class... Args>
Outcome refused(fmt::format_string<Args...> format, Args&&... args) {
  return {false, fmt::format(format, std::forward<Args>(args)...)};
}

/// A request on its way through the checks; they fill in the plan.
struct Case {
  const Policy& policy;
  const Request& request;
  const Caller& caller;
  Plan plan = {};

  /// "service.planka" or "extra_target.www", as errors of the file call it.
  [[nodiscard]] std::string key() const {
    return plan.service != nullptr ? "service." + plan.service->name : "extra_target." + plan.target->name;
  }
};

template <class Tables>
auto find(const Tables& tables, const std::string& name) {
  const auto found = tables.find(name);
  return found == tables.end() ? nullptr : &found->second;
}

Outcome check_client(Case& c) {
  if (c.caller.is_operator) return passed("the operator, on the host");
  c.plan.client = find(c.policy.clients, c.caller.client);
  if (c.plan.client == nullptr) return refused("there is no client.{}", c.caller.client);
  if (c.plan.client->implied)
    return passed("the file has no client table, so \"{}\" may use every verb but --export", c.caller.client);
  return passed("client.{} exists", c.caller.client);
}

Outcome check_action(Case& c) {
  if (c.plan.client == nullptr) return {};
  const std::string_view action = info(c.request.verb).word.substr(2);
  const bool allowed = std::ranges::find(c.plan.client->actions, action) != c.plan.client->actions.end();
  return {allowed, fmt::format("client.{}.actions {} \"{}\"", c.plan.client->name, allowed ? "has" : "does not have", action)};
}

Outcome check_name(Case& c) {
  const std::string& name = c.request.name;
  const NameKind kind = info(c.request.verb).name;
  if (name.empty()) {
    if (kind == NameKind::none || kind == NameKind::optional_service) return {};
    return refused("the verb needs a name");
  }
  if (kind != NameKind::target) c.plan.service = find(c.policy.services, name);
  if (kind != NameKind::service && c.plan.service == nullptr) c.plan.target = find(c.policy.extra_targets, name);
  if (c.plan.service == nullptr && c.plan.target == nullptr)
    return refused("there is no {}.{}", kind == NameKind::target ? "extra_target" : "service", name);
  if (!may_use(c.plan.client, name)) return refused("client.{}.services does not have \"{}\"", c.plan.client->name, name);
  return passed("{} exists{}", c.key(),
                c.plan.client == nullptr ? "" : fmt::format(", and client.{}.services has it", c.plan.client->name));
}

Outcome check_source(Case& c) {
  if (c.plan.service == nullptr) return {};
  const Service& service = *c.plan.service;
  const SourceRule& rule = source_rule(service.source);
  if (!takes(rule, c.request.verb)) {
    // The steps of a tree's backup; what no tree is, is backed up in one.
    const bool of_backup = c.request.verb == Verb::sync || c.request.verb == Verb::archive || c.request.verb == Verb::snapshot;
    return refused("{} is a source of kind {}, which has no {}{}", c.key(), rule.word, info(c.request.verb).word,
                   of_backup ? "; use --backup " + service.name : "");
  }
  if (service.controller.empty() && needs_controller(rule, c.request.verb))
    return refused("{}.controller is \"none\", so there is nothing to {}", c.key(), info(c.request.verb).word.substr(2));
  return passed("{} is a source of kind {}, which has {}", c.key(), rule.word, info(c.request.verb).word);
}

Outcome check_export(Case& c) {
  if (c.request.verb != Verb::export_ || c.plan.client == nullptr) return {};
  return {c.plan.service->export_, fmt::format("{}.export is {}", c.key(), c.plan.service->export_)};
}

Outcome check_path(Case& c) {
  if (!c.request.path || c.plan.service == nullptr) return {};
  const std::string& path = c.plan.service->path;
  if (*c.request.path == path) return passed("{}.path is {}, as the request asserts", c.key(), path);
  return refused("{}.path is {}, the request asserts {}", c.key(), path, *c.request.path);
}

Outcome check_remote(Case& c) {
  if (c.plan.service == nullptr && c.plan.target == nullptr) return {};
  const auto& names = c.plan.service != nullptr ? c.plan.service->remotes : c.plan.target->remotes;
  for (const std::string& name : names) {
    const Remote& remote = c.policy.remotes.at(name);
    if (!c.request.remote || *c.request.remote == RemoteAssertion{remote.name, remote.root}) c.plan.remotes.push_back(&remote);
  }
  if (!c.request.remote) return {};
  const std::string asserted = fmt::format("{}:{}", c.request.remote->remote, c.request.remote->folder);
  if (!c.plan.remotes.empty()) return passed("{}.remotes has {}, as the request asserts", c.key(), asserted);
  std::vector<std::string> accepted;
  for (const std::string& name : names) accepted.push_back(fmt::format("{}:{}", name, c.policy.remotes.at(name).root));
  return refused("{}.remotes are {}, the request asserts {}", c.key(), fmt::join(accepted, ", "), asserted);
}

Outcome check_floor(Case& c) {
  if (c.plan.service == nullptr) return {};
  const Retention& retention = c.plan.service->retention;
  c.plan.keep = retention.keep;
  c.plan.keep_last = retention.keep_last;
  if (!c.request.keep_weekly && !c.request.keep_monthly) return {};
  c.plan.keep = {0, c.request.keep_weekly.value_or(retention.keep.weekly),
                 c.request.keep_monthly.value_or(retention.keep.monthly)};
  const Keep& asked = c.plan.keep;
  const Keep& floors = retention.floors;
  const std::string rule =
      fmt::format("the floors of {} are weekly {} and monthly {}, the request comes to weekly {} and monthly {}", c.key(),
                  floors.weekly, floors.monthly, asked.weekly, asked.monthly);
  if (asked == Keep{}) return refused("{}, which would keep nothing", rule);
  return {asked.weekly >= floors.weekly && asked.monthly >= floors.monthly, rule};
}

Outcome check_ceiling(Case& c) {
  const Ceiling* ceiling = ceiling_of(c.request.verb);
  c.plan.timeout = ceiling == nullptr ? quick_timeout : c.policy.gate.timeouts.*ceiling->value;
  if (!c.request.timeout || ceiling == nullptr) return {};
  const Seconds most = c.plan.timeout;
  c.plan.timeout = Seconds{*c.request.timeout};
  return {c.plan.timeout <= most,
          fmt::format("gate.timeouts.{} is {} s, the request asks for {} s", ceiling->key, most.count(), *c.request.timeout)};
}

/// Starting is held back by nothing (S1, S6).
bool is_limited(const Case& c) { return c.plan.client != nullptr && c.request.verb != Verb::start; }

Outcome check_hours(Case& c) {
  if (!is_limited(c) || !c.plan.client->hours) return {};
  const auto [from, until] = *c.plan.client->hours;
  const int now = c.caller.minute_of_day;
  const bool inside = from < until ? now >= from && now < until : now >= from || now < until;
  return {inside, fmt::format("client.{}.hours is {:02}:{:02}-{:02}:{:02}, it is {:02}:{:02}", c.plan.client->name, from / 60,
                              from % 60, until / 60, until % 60, now / 60, now % 60)};
}

Outcome check_rate(Case& c) {
  if (!is_limited(c) || !c.plan.client->per_hour) return {};
  return {c.caller.requests_last_hour < *c.plan.client->per_hour,
          fmt::format("client.{}.per_hour is {}, {} came in the last hour", c.plan.client->name, *c.plan.client->per_hour,
                      c.caller.requests_last_hour)};
}

/// The order is part of the interface (decision.h).
struct Row {
  std::string_view name;
  Outcome (*check)(Case&);
  RefusalCode code;
};
constexpr Row rows[] = {
    {"client", check_client, RefusalCode::not_allowed},     {"action", check_action, RefusalCode::not_allowed},
    {"name", check_name, RefusalCode::unknown_name},        {"source", check_source, RefusalCode::verb_not_for_source},
    {"export", check_export, RefusalCode::not_allowed},     {"path", check_path, RefusalCode::path_mismatch},
    {"remote", check_remote, RefusalCode::remote_mismatch}, {"floor", check_floor, RefusalCode::below_floor},
    {"ceiling", check_ceiling, RefusalCode::above_ceiling}, {"hours", check_hours, RefusalCode::outside_hours},
    {"rate", check_rate, RefusalCode::too_often},
};

}  // namespace

bool may_use(const Client* client, std::string_view name) {
  if (client == nullptr) return true;
  return std::ranges::any_of(client->services, [&](const std::string& service) { return service == "*" || service == name; });
}

Decision decide(const Policy& policy, const Request& request, const Caller& caller, std::vector<Judged>* trace) {
  Case c{policy, request, caller};
  c.plan.verb = request.verb;
  c.plan.json = request.json;
  c.plan.snapshot_id = request.snapshot_id;
  c.plan.offset = request.offset.value_or(0);
  for (const Row& row : rows) {
    Outcome outcome = row.check(c);
    if (trace != nullptr && !outcome.rule.empty()) trace->push_back({row.name, outcome.passed, outcome.rule});
    if (!outcome.passed) return tl::make_unexpected(Refused{row.code, std::move(outcome.rule)});
    if (!outcome.rule.empty()) c.plan.rule += (c.plan.rule.empty() ? "" : "; ") + outcome.rule;
  }
  return std::move(c.plan);
}

}  // namespace backupctl::policy
