#include "gate/request/serve.h"

#include <time.h>
#include <unistd.h>

#include "common/civil_date.h"
#include "common/escape.h"
#include "common/io.h"
#include "gate/journal/journal.h"
#include "gate/request/parser_child.h"
#include "gate/config/policy_file.h"
#include "gate/request/rate.h"
#include "gate/step/run.h"
#include "policy/decision.h"

namespace backupctl::request {
namespace {

void say(std::string_view line) { static_cast<void>(write_all(2, fmt::format("backupctl: {}\n", line))); }

/// The longest part of a hostile request that a journal entry keeps.
constexpr std::size_t journalled_request = 256;

journal::Entry entry(std::string event, const Arrival& arrival, const std::string& client) {
  return {std::move(event),
          {{"request", escape_line(arrival.request, journalled_request)},
           {"client", client},
           {"connection", escape_line(arrival.connection, 128)},
           {"sudo_user", escape_line(arrival.sudo_user, 64)}}};
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
    say("the policy of this host is not valid, so nothing but the start of a stopped service is served; on the host run backupctl --check-policy");
    if (state) static_cast<void>(journal::append(*state, {"bad-policy", {{"text", policy.error().sentence}}}, journal::Durability::later));
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
  policy::Caller caller{.client = client, .minute_of_day = now->minute_of_day};
  caller.requests_last_hour = requests_last_hour(*state, *policy, client);
  const auto decision = policy::decide(*policy, request, caller);
  if (!decision) return refuse(decision.error().code, decision.error().rule, state, arrival, client);
  count_request(*state, *policy, client);
  return step::run(*policy, policy_path, *state, *decision, entry("request", arrival, client), {.caller = client});
}

}  // namespace backupctl::request
