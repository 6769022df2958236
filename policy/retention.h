#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/civil_date.h"
#include "common/result.h"
#include "policy/policy.h"

/// Which archives stay (policy.md, "Retention"). Pure: the same code prunes, previews and explains (D4).
namespace backupctl::policy {

/// What an archive's name says: `<service>-YYYY-MM-DD.<ending>`.
struct ArchiveName {
  std::string service;
  CivilDate date;
  std::string_view ending;  ///< with its dot; one of archive_endings
};
/// The endings of archives: trees, PostgreSQL, Redis.
std::span<const std::string_view> archive_endings();
/// Rule 1: the whole name or nothing. Error: why it is none, in plain words.
tl::expected<ArchiveName, std::string> parse_archive_name(std::string_view name);

/// The ending of the archives that a service gets, and of which it is restored; without its dot. Empty: its backups are none.
std::string_view archive_ending(const Service& service);
/// Whether an archive of that name is of the kind that the service has now: a service that was a tree and is a database now has
/// archives of both.
bool is_of_kind(const Service& service, const ArchiveName& name);

enum class Fate : std::uint8_t {
  keep,
  delete_,
  ignore,  ///< no archive of ours: never touched, only reported
};
std::string_view word(Fate fate);

/// What is to happen to one name, and why.
struct Verdict {
  Fate fate = Fate::ignore;
  std::string reason;             ///< plain words, no control characters, at most some 200 bytes
  std::optional<CivilDate> date;  ///< the archive's, when it is one
  bool warn = false;              ///< dated after tomorrow, or kept only because the clock is wrong: say so to the user
};

struct RetentionRun {
  CivilDate today;  ///< in the host's zone, pinned when the run starts (rule 2)
  Keep keep;
  std::uint32_t keep_last = 0;  ///< the newest so many days with archives, kept whatever `keep` says (rule 6)
  std::string service;          ///< only this service's names count; empty: every service's, each counted by itself
  std::optional<CivilDate> newest_committed;  ///< the newest that the journal says this host committed (rule 4)
};

/// Decides about names, in their order; one Verdict a name.
///
/// - The caller passes only candidates: archives whose manifest is present, signed and matches (rule 3).
/// - Rules count days, not files: two archives of one service and date with different endings are both archives of that
///   date, kept or deleted together. keep_last counts days too, which keeps at least as many archives.
/// - Dated after tomorrow: kept and not counted (rule 4). Tomorrow counts: hosts in other zones may be a day ahead.
/// - Every rule that keeps an archive is named in its reason.
///
/// Error (Exit::bad_config): daily, weekly and monthly are all 0, whatever keep_last is.
Result<std::vector<Verdict>> retain(std::span<const std::string> names, const RetentionRun& run);

/// Rule 7: which of `verdicts` to delete now, as positions: the oldest first, at most `limit` (max_delete less what was
/// deleted today). Equal dates in input order.
std::vector<std::size_t> deletions(std::span<const Verdict> verdicts, std::size_t limit);

}  // namespace backupctl::policy
