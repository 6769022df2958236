#pragma once

#include "policy/reader.h"

/// One function per kind of table of the policy file. Each reads like its part of policy.md: the keys, their forms, their
/// defaults. What concerns more than one table is checked afterwards (validate.h).
namespace backupctl::policy {

/// [retention], and what a service's `keep` lays over it. Floors that the file does not name follow the service's own numbers.
struct RetentionRules {
  Keep keep{7, 3, 12};
  std::uint32_t keep_last = 2;
  std::uint32_t max_delete = 10;
  std::optional<std::uint32_t> floor_weekly, floor_monthly;

  /// The values with the floors filled in.
  [[nodiscard]] Retention resolve() const;
};

/// What every service inherits.
struct Defaults {
  RetentionRules retention;
  Guard guard;
};

Gate read_gate(Table table);
RetentionRules read_retention(Table table, RetentionRules rules);
Guard default_guard();
Guard read_guard(Table table, Guard guard);
Remote read_remote(Table table, const std::string& name);
Controller read_controller(Table table, const std::string& name);
Service read_service(Table table, const std::string& name, const Defaults& defaults);
ExtraTarget read_extra_target(Table table, const std::string& name, const Guard& guard);
Client read_client(Table table, const std::string& name);
/// The one client of a file without client tables: every verb but --export, on everything.
Client implied_client();
Recovery read_recovery(Table table, const std::string& name);

}  // namespace backupctl::policy
