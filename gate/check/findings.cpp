#include "gate/check/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "policy/shrink.h"

namespace backupctl::check {
namespace {

using state::Memory;

constexpr std::int64_t day = 24 * 60 * 60;

/// A step that --backup does as well.
bool is_of_a_backup(const std::string& verb) {
  return verb == "stop" || verb == "snapshot" || verb == "sync" || verb == "archive" || verb == "start";
}

/// One service or target being judged.
struct Case {
  std::string name;
  const Memory& memory;
  const Limits& limits;
  std::int64_t now;
  std::vector<Finding> found = {};

  void add(Grade grade, std::string text) { found.push_back({grade, name, std::move(text)}); }

  /// @param when  0: never. @param what  "no archive was committed"
  void age(std::int64_t when, policy::Seconds warn, policy::Seconds crit, std::string_view what, std::string_view advice) {
    const bool limited = warn.count() != 0 || crit.count() != 0;
    if (when == 0) {
      if (limited)
        add(crit.count() != 0 ? Grade::critical : Grade::warning,
            fmt::format("{} as far back as this host remembers; {}", what, advice));
      return;
    }
    const std::int64_t old = now - when;
    // Retention deletes nothing then, and the ages below mean nothing.
    if (old < -day)
      add(Grade::warning, fmt::format("its last good run lies {} in the future: the clock of this host is wrong", span(-old)));
    if (crit.count() != 0 && old > crit.count())
      add(Grade::critical, fmt::format("{} for {}; {}", what, span(old), advice));
    else if (warn.count() != 0 && old > warn.count())
      add(Grade::warning, fmt::format("{} for {}; {}", what, span(old), advice));
  }

  [[nodiscard]] std::int64_t good(const std::string& verb) const {
    const auto found_verb = memory.good.find(verb);
    return found_verb == memory.good.end() ? 0 : found_verb->second;
  }

  void mirror(const std::string& verb, bool must_exist) {
    const std::int64_t last = std::max(good(verb), verb == "sync" ? good("backup") : 0);
    if (last != 0 || must_exist)
      age(last, limits.warn_mirror, limits.crit_mirror, "it was not mirrored",
          fmt::format("the journal tells why, backupctl --{} {} makes one", verb == "sync" ? "backup" : verb, name));
  }

  /// Runs whose last one failed. What a whole backup did since is no fault any more.
  void failures() {
    for (const auto& [verb, run] : memory.last) {
      if (state::ended_well(run.exit) || (is_of_a_backup(verb) && good("backup") > run.when)) continue;
      const bool spoilt = run.exit == to_status(Exit::bad_data) && (verb == "verify" || verb == "drill");
      add(spoilt ? Grade::critical : Grade::warning,
          fmt::format("the last --{} ended {}, {} ago{}", verb, run.exit, span(now - run.when),
                      spoilt ? ": what lies on a remote may not be restorable" : ""));
    }
  }

  /// One that gets none, while others do: the copy that is thought to lie there does not.
  void remotes(const std::vector<std::string>& names) {
    std::map<std::string, std::int64_t> newest;
    for (const Memory::Archive& archive : memory.archives)
      for (const std::string& remote : archive.remotes) newest[remote] = std::max(newest[remote], archive.when);
    for (const std::string& remote : names)
      if (!newest.empty() && names.size() > 1)
        age(newest[remote], limits.warn_age, {}, "no archive was committed to " + remote,
            "see whether its steps name another remote");
  }

  void drop() {
    const auto& archives = memory.archives;
    if (archives.size() < 2 || archives.back().bytes < 0) return;
    std::vector<std::uint64_t> before;
    for (std::size_t i = archives.size() - 1; i > 0 && before.size() < policy::predecessors_compared; --i)
      if (archives[i - 1].bytes >= 0) before.push_back(static_cast<std::uint64_t>(archives[i - 1].bytes));
    const std::uint64_t least = limits.warn_drop.value == 0 ? 0 : policy::least_size(limits.warn_drop, before);
    if (static_cast<std::uint64_t>(archives.back().bytes) < least)
      add(Grade::warning,
          fmt::format("the archive of {} has {} bytes, and those before it let expect {} at least; look at the service's data",
                      format_date(archives.back().date), archives.back().bytes, least));
  }
};

}  // namespace

std::string_view word(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return "OK";
    case Grade::warning:
      return "WARNING";
    case Grade::critical:
      return "CRITICAL";
    case Grade::unknown:
      return "UNKNOWN";
  }
  return "";
}

std::string span(std::int64_t seconds) {
  if (seconds >= day) return fmt::format("{} d", seconds / day);
  if (seconds >= 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} min", std::max<std::int64_t>(0, seconds) / 60);
}

std::vector<Finding> judge_service(const std::string& name, const Memory& memory, const std::vector<std::string>& remotes,
                                   const Limits& limits, std::int64_t now) {
  Case c{name, memory, limits, now};
  // What was skipped is there already, with a manifest that is good.
  c.age(std::max(c.good("archive"), memory.archives.empty() ? 0 : memory.archives.back().when), limits.warn_age,
        limits.crit_age, "no archive was committed",
        fmt::format("the journal tells why, backupctl --backup {} makes one", name));
  c.remotes(remotes);
  c.drop();
  c.mirror("sync", false);
  c.age(c.good("drill"), limits.warn_drill, {}, "no restore was rehearsed", fmt::format("run backupctl --drill {}", name));
  c.failures();
  return std::move(c.found);
}

std::vector<Finding> judge_target(const std::string& name, const Memory& memory, const Limits& limits, std::int64_t now) {
  Case c{name, memory, limits, now};
  c.mirror("sync-extra", true);
  c.failures();
  return std::move(c.found);
}

}  // namespace backupctl::check
