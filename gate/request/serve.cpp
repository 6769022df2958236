#include "gate/request/serve.h"

#include <time.h>
#include <unistd.h>

#include "common/civil_date.h"
#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/journal/journal.h"
#include "gate/request/parser_child.h"
#include "gate/request/rate.h"
#include "gate/state/lock.h"
#include "gate/step/run.h"
#include "policy/decision.h"

namespace backupctl::request {
namespace {

void say(std::string_view line) { static_cast<void>(write_all(2, fmt::format("backupctl: {}\n", line))); }

/// The longest part of a hostile request that a journal entry keeps.
constexpr std::size_t journalled_request = 256;

/// Requests of one client that run or wait at the same time. A scheduler sends one after another; each costs the host a process
/// for up to its timeout.
constexpr int most_at_once = 16;

journal::Entry entry(std::string event, const Arrival& arrival, const std::string& client) {
  return {std::move(event),
          {{"request", escape_line(arrival.request, journalled_request)},
           {"client", client},
           {"connection", escape_line(arrival.connection, 128)},
           {"sudo_user", escape_line(arrival.sudo_user, 64)}}};
}

/// A place among the requests of this client that run or wait, held until the lock is gone; nothing when all are taken (X11).
Result<std::optional<state::Lock>> take_place(const state::StateDir& state, const std::string& client) {
  for (int i = 0; i < most_at_once; ++i) {
    auto place = state::Lock::try_take(state, fmt::format("client-{}-{}", client, i));
    if (!place || place->has_value()) return place;
  }
  return std::optional<state::Lock>{};
}

Exit turn_away(const state::StateDir& state, const Arrival& arrival, const std::string& client) {
  say("too many requests of this client run at once, so nothing was done; try again when some of them have ended");
  journal::Entry refusal = entry("refused", arrival, client);
  refusal.fields.emplace_back("text", fmt::format("{} requests of this client run already", most_at_once));
  journal::append_refusal(state, refusal);
  return Exit::unavailable;
}

/// One line to the client, which says nothing of what would have been accepted, and one entry with the rule (X1).
Exit refuse(RefusalCode code, const std::string& rule, const Result<state::StateDir>& state, const Arrival& arrival,
            const std::string& client) {
  const RefusalInfo& row = info(code);
  say(fmt::format("refused [{}]: {}", row.word, row.sentence));
  if (state) {
    journal::Entry refusal = entry("refused", arrival, client);
    refusal.fields.emplace_back("code", row.word);
    if (!rule.empty()) refusal.fields.emplace_back("rule", rule);
    journal::append_refusal(*state, refusal);
  }
  return row.exit;
}

}  // namespace

Exit serve(const Arrival& arrival, const std::string& policy_path, const std::string& client) {
  // Started before the policy is read, which the child must not hold; the two then work at the same time.
  auto parser = ParserChild::start(arrival.request);
  if (!parser) {
    say(parser.error().sentence);
    return parser.error().exit;
  }
  const auto policy = config::read_policy(policy_path);
  const auto parsed = parser->answer();
  const auto state = state::StateDir::open(policy ? policy->gate.state_dir : config::state_dir_of(policy_path));
  if (!policy && state && parsed && parsed->has_value() && (*parsed)->verb == Verb::start)
    return step::start_from_lease(**parsed, *state, policy.error());
  if (!parsed) {
    say(parsed.error().sentence);
    return parsed.error().exit;
  }
  if (!parsed->has_value()) return refuse(parsed->error(), "", state, arrival, client);
  const Request& request = **parsed;
  if (!policy) {
    // Which lines are wrong is the operator's business, not the client's.
    say("the policy of this host is not valid, so nothing but the start of a stopped service is served; on the host run "
        "backupctl --check-policy");
    if (state) journal::append_refusal(*state, {"bad-policy", {{"text", policy.error().sentence}}});
    return policy.error().exit;
  }
  if (!state) {
    say(state.error().sentence);
    return state.error().exit;
  }
  const auto now = time_in_zone(::time(nullptr), policy->gate.timezone);
  if (!now) {
    say(fmt::format("the time zone {} of the policy is not known on this host", policy->gate.timezone));
    return Exit::bad_config;
  }
  const auto give_up = [](const Error& error) {
    say(error.sentence);
    return error.exit;
  };
  policy::Caller caller{.client = client, .minute_of_day = now->minute_of_day};
  std::optional<Result<Rate>> rate;
  std::optional<state::Lock> place;
  // Neither limit is asked of a start, which must never be kept from a stopped service (S1).
  if (request.verb != Verb::start) {
    rate = Rate::open(*state, *policy, client);
    if (*rate) caller.requests_last_hour = (*rate)->last_hour();
  }
  const auto decision = policy::decide(*policy, request, caller);
  if (!decision) return refuse(decision.error().code, decision.error().rule, state, arrival, client);
  if (rate) {
    if (!*rate) return give_up(rate->error());
    auto taken = take_place(*state, client);
    if (!taken) return give_up(taken.error());
    if (!taken->has_value()) return turn_away(*state, arrival, client);
    place = std::move(**taken);
    if (auto counted = (*rate)->count(); !counted) return give_up(counted.error());
    rate.reset();
  }
  return step::run(*policy, policy_path, *state, *decision, entry("request", arrival, client), {.caller = client});
}

}  // namespace backupctl::request
