#include <array>

#include "common/request.h"

namespace backupctl {
namespace {

constexpr std::uint8_t asserted = option_path | option_remote;
constexpr std::uint8_t keep = option_keep_weekly | option_keep_monthly;
constexpr std::uint8_t timed = option_timeout | option_json;

// wire.md, "The request": which name and which options each verb takes.
constexpr std::array<VerbInfo, verb_count> verbs{{
    {Verb::stop, "--stop", NameKind::service, timed},
    {Verb::start, "--start", NameKind::service, timed},
    {Verb::sync, "--sync", NameKind::service, asserted | timed},
    {Verb::archive, "--archive", NameKind::service, asserted | keep | timed},
    {Verb::sync_extra, "--sync-extra", NameKind::target, option_remote | timed},
    {Verb::snapshot, "--snapshot", NameKind::service, timed},
    {Verb::backup, "--backup", NameKind::service, option_remote | timed},
    {Verb::verify, "--verify", NameKind::service, option_remote | option_snapshot_id | timed},
    {Verb::export_, "--export", NameKind::service, option_timeout | option_snapshot_id | option_offset},
    {Verb::status, "--status", NameKind::optional_service, option_json},
    {Verb::list, "--list", NameKind::optional_service, option_json},
    {Verb::version, "--version", NameKind::none, 0},
}};

// wire.md, "Refusals and exit codes". Whoever reads these may be an attacker: none tells what would have been accepted.
constexpr std::array<RefusalInfo, refusal_count> refusals{{
    {RefusalCode::empty, "empty", Exit::not_a_request,
     "no request was sent, so nothing was done; send one request as the ssh command"},
    {RefusalCode::too_long, "too-long", Exit::not_a_request,
     "the request is too long to be one, so nothing was done; send one request, as backup-client(1) describes it"},
    {RefusalCode::charset, "charset", Exit::not_a_request,
     "the request contains a byte that no request can contain, so nothing was done; remove quotes, line ends and special "
     "characters"},
    {RefusalCode::syntax, "syntax", Exit::not_a_request,
     "the request does not follow the grammar, so nothing was done; correct its words, values and their order as in "
     "backupctl(8)"},
    {RefusalCode::unknown_verb, "unknown-verb", Exit::not_a_request,
     "the request's verb does not exist, so nothing was done; see backup-client(1)"},
    {RefusalCode::option_not_for_verb, "option-not-for-verb", Exit::not_a_request,
     "the request has an option that its verb does not take, so nothing was done; leave it out"},
    {RefusalCode::operator_verb, "operator-verb", Exit::not_permitted,
     "this verb is never served over the gate, so nothing was done; the operator runs it on the host"},
    {RefusalCode::unknown_name, "unknown-name", Exit::not_permitted,
     "the policy of this host knows no such name for this verb, so nothing was done; ask the operator to add it"},
    {RefusalCode::not_allowed, "not-allowed", Exit::not_permitted,
     "this client may not do this, so nothing was done; ask the operator to allow it in the policy"},
    {RefusalCode::verb_not_for_source, "verb-not-for-source", Exit::not_permitted,
     "this verb does not exist for this kind of service, so nothing was done; ask the operator which steps the service needs"},
    {RefusalCode::path_mismatch, "path-mismatch", Exit::not_permitted,
     "--path is not the path that the policy says, so nothing was done; correct it or leave it out"},
    {RefusalCode::remote_mismatch, "remote-mismatch", Exit::not_permitted,
     "--remote is no remote that the policy says, so nothing was done; correct it or leave it out"},
    {RefusalCode::below_floor, "below-floor", Exit::not_permitted,
     "the request would keep fewer archives than the policy allows, so nothing was done and nothing deleted; ask for more or "
     "leave it out"},
    {RefusalCode::above_ceiling, "above-ceiling", Exit::not_permitted,
     "--timeout is longer than the policy allows, so nothing was done; ask for less or leave it out"},
    {RefusalCode::too_often, "too-often", Exit::not_permitted,
     "too many requests came from this client, or the service was started too recently or stood still too long today to be "
     "stopped "
     "again, so nothing was done; try again later"},
    {RefusalCode::outside_hours, "outside-hours", Exit::not_permitted,
     "this client is not served at this hour, so nothing was done; ask the operator for the hours"},
}};

template <class Table>
constexpr bool in_enum_order(const Table& table, auto member) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].*member) != i) return false;
  }
  return true;
}
static_assert(in_enum_order(verbs, &VerbInfo::verb));
static_assert(in_enum_order(refusals, &RefusalInfo::code));

}  // namespace

std::span<const VerbInfo> verb_table() { return verbs; }
const VerbInfo& info(Verb verb) { return verbs[static_cast<std::size_t>(verb)]; }
const RefusalInfo& info(RefusalCode code) { return refusals[static_cast<std::size_t>(code)]; }

}  // namespace backupctl
