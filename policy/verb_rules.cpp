#include "policy/verb_rules.h"

#include <array>

namespace backupctl::policy {
namespace {

constexpr std::uint32_t bit(Verb verb) { return 1U << static_cast<unsigned>(verb); }
template <class... Verbs>
constexpr std::uint32_t bits(Verbs... verbs) {
  return (bit(verbs) | ...);
}

constexpr std::uint32_t switching = bits(Verb::stop, Verb::start);
constexpr std::uint32_t common_to_all = bits(Verb::backup, Verb::verify, Verb::status, Verb::list) | switching;
constexpr std::uint32_t all = (1U << verb_count) - 1;

constexpr std::array<SourceRule, 5> sources{{
    {SourceKind::tree, "path", all, 0},  // a tree that nothing can stop: --stop and --start do nothing, and succeed
    {SourceKind::volumes, "volumes", common_to_all | bit(Verb::export_), switching},
    {SourceKind::postgres, "postgres", common_to_all, switching},
    {SourceKind::redis, "redis", common_to_all, switching},
    {SourceKind::bucket, "bucket", common_to_all, switching},
}};

constexpr Ceiling none{"", nullptr};
constexpr std::array<Ceiling, verb_count> ceilings{{
    {"stop", &Timeouts::stop},        // --stop
    {"start", &Timeouts::start},      // --start
    {"sync", &Timeouts::sync},        // --sync
    {"archive", &Timeouts::archive},  // --archive
    {"sync", &Timeouts::sync},        // --sync-extra
    {"stop", &Timeouts::stop},        // --snapshot
    {"backup", &Timeouts::backup},    // --backup
    {"verify", &Timeouts::verify},    // --verify
    {"export", &Timeouts::export_},   // --export
    none,
    none,
    none,  // --status, --list, --version
}};

}  // namespace

const SourceRule& source_rule(SourceKind source) { return sources.at(static_cast<std::size_t>(source)); }
bool takes(const SourceRule& rule, Verb verb) { return (rule.verbs & bit(verb)) != 0; }
bool needs_controller(const SourceRule& rule, Verb verb) { return (rule.controlled & bit(verb)) != 0; }

const Ceiling* ceiling_of(Verb verb) {
  const Ceiling& ceiling = ceilings.at(static_cast<std::size_t>(verb));
  return ceiling.value == nullptr ? nullptr : &ceiling;
}

}  // namespace backupctl::policy
