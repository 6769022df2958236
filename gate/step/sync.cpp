#include <time.h>

#include <algorithm>
#include <optional>

#include "common/civil_date.h"
#include "gate/sandbox/helper.h"
#include "gate/source/exclude.h"
#include "gate/state/history.h"
#include "gate/step/mirror_manifest.h"
#include "gate/step/remote_files.h"
#include "gate/step/retention.h"
#include "gate/step/served.h"
#include "gate/step/source.h"
#include "gate/step/step.h"
#include "gate/step/tree.h"
#include "policy/clock.h"

namespace backupctl::step {
namespace {

/// What --sync and --sync-extra have in common.
struct Subject {
  std::string name, path;
  const std::vector<std::string>& exclude;
  const policy::Guard& guard;
  bool extra;
  bool hot;

  [[nodiscard]] std::string mirror(const remote::Layout& layout) const {
    return extra ? layout.extra(name) : layout.data(name);
  }
  [[nodiscard]] std::string history(const remote::Layout& layout, std::string_view date) const {
    return extra ? layout.extra_history(name, date) : layout.history(name, date);
  }
};

Subject subject_of(const policy::Plan& plan) {
  if (plan.target != nullptr)
    return {plan.target->name, plan.target->path, plan.target->exclude, plan.target->guard, true, true};
  const policy::Service& service = *plan.service;
  return {service.name, service.path, service.exclude, service.guard, false, service.consistency == policy::Consistency::hot};
}

/// How many files of `all` the limit means.
std::int64_t allowance(const policy::Limit& limit, std::int64_t all) {
  constexpr std::uint64_t without_end = 1'000'000'000'000;
  const auto value = static_cast<std::int64_t>(std::min(limit.value, without_end));
  return limit.percent ? value * all / 100 : value;
}

/// Overwriting this many files is an ordinary night, whatever share of a small mirror they are: a service that is one database
/// with its journal would be stopped every time. Deletions count from the first.
constexpr std::int64_t few_files = 10;

/// D3: a run that would delete or overwrite more than the policy allows stops before it has changed anything.
/// @return what the mirror itself is given as Mirror::most_deleted: a tree in use may lose its files after it was compared.
Result<std::int64_t> guard(RemoteFiles& remote, const Subject& subject, const remote::Mirror& mirror, const Source& source) {
  auto counted = remote.mirror(mirror, source.tree.get(), source.databases.files(), true);
  if (!counted) return pass(counted.error());
  const auto [deleted, replaced, all] =
      std::tuple(counted->figures.number[0], counted->figures.number[1], counted->figures.number[2]);
  const std::int64_t counted_replaced = replaced > few_files ? replaced : 0;
  const std::int64_t allowed = allowance(subject.guard.max_delete_files, all);
  const bool counts_twice = !mirror.history.empty() && !remote.can().rename;
  if (deleted + counted_replaced <= allowed) return counts_twice ? 2 * allowed + replaced + few_files : allowed;
  return fail(Exit::bad_data,
              "the mirror of {} on {} holds {} files, and this run would delete {} and overwrite {} of them, more than the "
              "policy allows "
              "(guard.max_delete_files): nothing was changed; if it is meant, raise the limit for one run",
              subject.name, remote.remote().name, all, deleted, replaced);
}

/// Days of the history that are older than the policy keeps, and not among as many newest ones (D3).
Result<> prune_history(Context& context, RemoteFiles& remote, const Subject& subject, CivilDate today) {
  const auto days = std::chrono::ceil<std::chrono::days>(subject.guard.mirror_history);
  if (days.count() == 0) return {};
  auto entries = remote.list(subject.history(remote.layout(), ""));
  if (!entries) return pass(entries.error());
  std::vector<CivilDate> dates;
  for (const Entry& entry : *entries)
    if (const auto date = parse_date(entry.name); entry.directory && date) dates.push_back(*date);
  for (const CivilDate over : policy::obsolete_history(std::move(dates), today, days)) {
    context.output.step(fmt::format("deleting what was replaced on {} from {}", format_date(over), remote.remote().name));
    if (auto purged = remote.purge(subject.history(remote.layout(), format_date(over))); !purged) return purged;
  }
  return {};
}

/// One remote: guard, mirror, history.
Result<Record> sync_to(Context& context, const policy::Remote& remote, const Subject& subject, const Source& source,
                       CivilDate today) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  const std::vector<std::string> exclude = source.excludes(subject.exclude);
  remote::Mirror mirror{
      .from = sandbox::source_dir, .to = subject.mirror(files->layout()), .exclude = exclude, .hot = subject.hot};
  if (remote.history && subject.guard.mirror_history.count() > 0)
    mirror.history = subject.history(files->layout(), format_date(today));
  context.output.step(fmt::format("comparing the tree with {}", remote.name));
  const auto allowed = guard(*files, subject, mirror, source);
  if (!allowed) return pass(allowed.error());
  mirror.most_deleted = *allowed;
  context.output.step(fmt::format("mirroring to {}", remote.name));
  auto ran = files->mirror(mirror, source.tree.get(), source.databases.files(), false);
  if (!ran) return pass(ran.error());
  if (ran->figures.number[0] > 0)
    return fail(Exit::io_error, "{} files could not be mirrored to {}, so the mirror is incomplete; what is there is kept",
                ran->figures.number[0], remote.name);
  if (auto pruned = prune_history(context, *files, subject, today); !pruned) return pass(pruned.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return ran->figures;
}

Result<Source> open_target(const std::string& path) {
  auto tree = open_tree_root(path);
  if (!tree) return pass(tree.error());
  return Source{std::move(*tree), path, {}, {}, {}};
}

/// The mirrors' signed manifest: made once, after the last of them, while a cold service still stands still; what was read of
/// one that was started meanwhile is none (D2). @param incomplete  set when not all could be read as it is
Result<> describe(Context& context, const policy::Service& service, const Source& source, CivilDate today,
                  const std::vector<const policy::Remote*>& mirrored, Served& served, std::optional<Error>& incomplete) {
  const auto excludes = archive::Excludes::parse(service.exclude);
  if (!excludes) {
    context.output.note(fmt::format("the mirror has no manifest of its own, so --restore --mirror cannot use it: {}",
                                    excludes.error().sentence),
                        true);
    for (const policy::Remote* remote : mirrored) served.add(remote->name);
    return source.still(context);
  }
  const std::int64_t began = ::time(nullptr);
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  const auto read = write_mirror_manifest(context, service, source, today, *spool);
  if (!read) return pass(read.error());
  if (auto still = source.still(context); !still) return still;
  bool any = false;
  for (const policy::Remote* remote : mirrored) {
    if (auto sent = send_mirror_manifest(context, *remote, service, *spool); !sent) {
      if (served.take(sent.error())) return sent;
      continue;
    }
    served.add(remote->name);
    any = true;
  }
  if (any)
    if (auto noted = state::note_mirrored(context.state, service.name, began); !noted) return noted;
  if (read->faults > 0)
    incomplete = Error{Exit::io_error, fmt::format("incomplete: {} of {} files were not as they should be when the mirror was "
                                                   "read over again ({}); the mirror's manifest says so",
                                                   read->faults, read->files, read->first_fault)};
  return {};
}

}  // namespace

Result<Report> sync(Context& context, const policy::Plan& plan) {
  const Subject subject = subject_of(plan);
  const auto today = date_in_zone(::time(nullptr), context.policy.gate.timezone);
  if (auto right = check_clock(context, subject.extra ? "" : subject.name, *today); !right) return pass(right.error());
  auto source = plan.service != nullptr ? open_source(context, *plan.service) : open_target(subject.path);
  if (!source) return pass(source.error());
  std::int64_t bytes = 0;
  std::int64_t sent = 0;
  std::int64_t deleted = 0;
  Served served(context);
  std::vector<const policy::Remote*> mirrored;
  for (const policy::Remote* remote : plan.remotes) {
    auto figures = sync_to(context, *remote, subject, *source, *today);
    if (!figures) {
      if (served.take(figures.error())) return pass(figures.error());
      continue;
    }
    mirrored.push_back(remote);
    bytes += figures->number[1];
    sent += figures->number[2];
    deleted += figures->number[4];
  }
  std::optional<Error> incomplete;
  if (plan.service != nullptr && !mirrored.empty()) {
    if (auto done = describe(context, *plan.service, *source, *today, mirrored, served, incomplete); !done)
      return pass(done.error());
  } else {
    for (const policy::Remote* remote : mirrored) served.add(remote->name);
    if (auto still = source->still(context); !still) return pass(still.error());
  }
  if (served.fault()) return pass(served.error());
  if (const auto mounts = missed_mounts(source->path, subject.exclude); !mounts.empty())
    return fail(Exit::io_error,
                "{} is a mount point inside the tree and was not read, so the mirror is incomplete; make it a service of its "
                "own or exclude what "
                "is beneath it (exclude = [\"/{}/**\"])",
                mounts.front(), mounts.front().substr(subject.path.size() + 1));
  if (incomplete) return pass(*incomplete);
  if (source->faults() > 0)
    return fail(Exit::io_error, "incomplete: {} files are not in the snapshot as they should be ({}), nor in the mirror",
                source->faults(), source->snapshot->first_fault);
  return Report{
      "mirrored",
      {monitor::number_field("files", sent), monitor::bytes_field("bytes", bytes), monitor::number_field("deleted", deleted)}};
}

}  // namespace backupctl::step
