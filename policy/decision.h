#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/request.h"
#include "policy/policy.h"

namespace backupctl::policy {

/// Who asks, and when. Nothing of it comes from what the client sends (X8): the client's name stands in sudoers.
struct Caller {
  std::string client = "default";        ///< of --ssh-gate [--client NAME]
  int minute_of_day = 0;                 ///< 0 to 1439, in gate.timezone
  std::uint32_t requests_last_hour = 0;  ///< that this client was allowed in the last 60 minutes, this one not counted
  bool is_operator = false;              ///< root on the host, without SSH; `client` and the counters mean nothing then
};

/// An allowed request with everything filled in. The pointers lead into the Policy, which must outlive the plan.
struct Plan {
  Verb verb = Verb::version;
  const Service* service = nullptr;     ///< the service, or
  const ExtraTarget* target = nullptr;  ///< the extra target; neither for --version, and for --status and --list of all
  const Client* client = nullptr;       ///< whose rights were applied; nullptr: the operator
  std::vector<const Remote*> remotes;   ///< to serve: the asserted one, else all of the service or target
  Keep keep;                            ///< effective: with --keep-*, daily is 0 and what was not given is the policy's
  std::uint32_t keep_last = 0;
  Seconds timeout{};  ///< the request's, else the verb's ceiling; queueing counts
  bool json = false;
  std::optional<std::string> snapshot_id;
  std::uint64_t offset = 0;  ///< of an export: bytes of its tar that are left out at the front
  std::string rule;          ///< what allowed it, for the journal
};

/// A refused request. `rule` names the line of the policy that decided and what would have been accepted: it is for the
/// journal and --explain, and must never reach a client, who gets info(code).sentence.
struct Refused {
  RefusalCode code;
  std::string rule;
};

using Decision = tl::expected<Plan, Refused>;

/// One check of decide() with its outcome, for --explain.
struct Judged {
  std::string_view check;  ///< "client", "action", …
  bool passed;
  std::string rule;
};

/// How long --status, --list and --version may take; they have no --timeout and no ceiling in the policy.
inline constexpr Seconds quick_timeout{60};

/// Decides one request (X1, X2): pure, and the same for gate, operator and --explain.
///
/// The checks, in this order; the first that does not pass decides, and each has one refusal code:
///   client   the caller's client exists (not-allowed)
///   action   the client's actions have the verb (not-allowed)
///   name     the service or target exists and is among the client's services (unknown-name: a client that may not use a
///            service learns nothing about its existence)
///   source   the verb exists for this kind of source (verb-not-for-source)
///   export   the service says `export = true` (not-allowed)
///   path     --path equals the service's path, byte for byte (path-mismatch)
///   remote   --remote equals one of the service's or target's remotes, name and root (remote-mismatch)
///   floor    --keep-* are not below the floors, and something is kept at all (below-floor)
///   ceiling  --timeout is not above the verb's ceiling (above-ceiling)
///   hours    the client's hours (outside-hours)
///   rate     the client's per_hour (too-often)
/// --start is exempt from hours and rate: who could stop a service can always start it again (S1, S6).
/// The operator skips client, action, the client's part of name, export, hours and rate. Assertions, floors and ceilings hold
/// for the operator too: D4 promises that retention never goes below the floors, whoever asks; a lower floor is an edit of the
/// policy file.
///
/// @param request  as parsed; its values have the grammar's form.
/// @param trace    not nullptr: gets every check that was made and has something to say, the deciding one last.
Decision decide(const Policy& policy, const Request& request, const Caller& caller, std::vector<Judged>* trace = nullptr);

/// Whether --status and --list may show a service or target to this client (nullptr: the operator, who sees all).
bool may_use(const Client* client, std::string_view name);

}  // namespace backupctl::policy
