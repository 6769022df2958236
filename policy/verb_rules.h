#pragma once

#include <cstdint>
#include <string_view>

#include "common/request.h"
#include "policy/policy.h"

namespace backupctl::policy {

/// Which verbs a kind of source takes (wire.md, "Sources").
struct SourceRule {
  SourceKind source;
  std::string_view word;     ///< as the policy's key says it
  std::uint32_t verbs;       ///< a bit per Verb
  std::uint32_t controlled;  ///< of these, the verbs that need a controller
};
const SourceRule& source_rule(SourceKind source);
bool takes(const SourceRule& rule, Verb verb);
bool needs_controller(const SourceRule& rule, Verb verb);

/// The key of gate.timeouts that bounds a verb.
struct Ceiling {
  std::string_view key;
  Seconds Timeouts::*value;
};
/// nullptr for the verbs that have no --timeout. Of the verbs without a key of their own, --sync-extra has that of sync, and
/// --snapshot that of stop, which for a snapshot service does the same.
const Ceiling* ceiling_of(Verb verb);

}  // namespace backupctl::policy
