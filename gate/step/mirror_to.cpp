#include "gate/step/mirror_to.h"

#include <algorithm>
#include <tuple>

#include "gate/sandbox/helper.h"
#include "policy/clock.h"

namespace backupctl::step {
namespace {

/// How many files of `all` the limit means.
std::int64_t allowance(const policy::Limit& limit, std::int64_t all) {
  constexpr std::uint64_t without_end = 1'000'000'000'000;
  const auto value = static_cast<std::int64_t>(std::min(limit.value, without_end));
  return limit.percent ? value * all / 100 : value;
}

/// Overwriting this many files is an ordinary night, whatever share of a small mirror they are: a service that is one database
/// with its journal would be stopped every time. Deletions count from the first.
constexpr std::int64_t few_files = 10;

/// How often rclone counts a file as deleted that it moves into the history, beyond the once of one that the source no longer
/// has: for the one of that name that lies there since an earlier run of the day, and, where nothing can be renamed, for the
/// file itself, which is copied and deleted.
std::int64_t uncounted(const remote::Mirror& mirror, const remote::Capabilities& can) {
  return mirror.history.empty() ? 0 : can.rename ? 1 : 2;
}

/// D3: a run that would delete or overwrite more than the policy allows stops before it has changed anything.
struct Allowed {
  std::int64_t deletions =
      0;  ///< Mirror::most_deleted of the mirror itself: a tree in use may lose its files after it was compared
  std::int64_t passed_over = 0;  ///< names that rclone logged as errors and went on without: it ended well all the same
  std::int64_t odd = 0;          ///< of those, the ones that can be no paths
};
Result<Allowed> guard(RemoteFiles& remote, const MirrorSubject& subject, const remote::Mirror& mirror, const Source& source) {
  auto counted = remote.mirror(mirror, source.tree.get(), source.databases.files(), true);
  if (!counted) return pass(counted.error());
  const auto [deleted, replaced, all] =
      std::tuple(counted->figures.number[0], counted->figures.number[1], counted->figures.number[2]);
  const std::int64_t counted_replaced = replaced > few_files ? replaced : 0;
  const std::int64_t allowed = allowance(subject.guard.max_delete_files, all);
  if (deleted + counted_replaced <= allowed)
    return Allowed{allowed + uncounted(mirror, remote.can()) * (allowed + replaced + few_files), counted->figures.number[4],
                   counted->figures.number[5]};
  return fail(Exit::bad_data,
              "the mirror of {} on {} holds {} files, and this run would delete {} and overwrite {} of them, more than the "
              "policy allows "
              "(guard.max_delete_files): nothing was changed; if it is meant, raise the limit for one run",
              subject.name, remote.remote().name, all, deleted, replaced);
}

/// D3: every prefix of the bucket, or the bucket itself, holds something: one that is gone must not empty its mirror.
Result<> check_bucket(Context& context, const MirrorSubject& subject) {
  auto bucket = RemoteFiles::open(context, *subject.bucket);
  if (!bucket) return pass(bucket.error());
  const std::vector<std::string> all = {""};
  for (const std::string& prefix : subject.prefixes.empty() ? std::span<const std::string>(all) : subject.prefixes) {
    const auto holds = bucket->holds_anything(bucket->layout().at(prefix));
    if (!holds) return pass(holds.error());
    if (!*holds)
      return fail(
          Exit::bad_data,
          "{} is empty, or not there, so nothing was changed and the last mirror of {} is as it was; if the data is lost, "
          "restore it (backupctl --restore {} --mirror)",
          bucket->layout().at(prefix), subject.name, subject.name);
  }
  return bucket->close();
}

/// Days of the history that are older than the policy keeps, and not among as many newest ones (D3).
Result<> prune_history(Context& context, RemoteFiles& remote, const MirrorSubject& subject, CivilDate today) {
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

}  // namespace

Result<Record> mirror_to(Context& context, const policy::Remote& remote, const MirrorSubject& subject, const Source& source,
                         CivilDate today) {
  if (subject.bucket != nullptr)
    if (auto there = check_bucket(context, subject); !there) return pass(there.error());
  auto files = RemoteFiles::open(context, remote, subject.bucket);
  if (!files) return pass(files.error());
  const std::vector<std::string> exclude = source.excludes(subject.exclude);
  remote::Mirror mirror{.from = subject.bucket != nullptr ? remote::Layout(*subject.bucket).at("") : sandbox::source_dir,
                        .to = subject.mirror(files->layout()),
                        .exclude = exclude,
                        .hot = subject.hot,
                        .bucket = subject.bucket != nullptr,
                        .prefixes = subject.prefixes};
  if (remote.history && subject.guard.mirror_history.count() > 0)
    mirror.history = subject.history(files->layout(), format_date(today));
  context.output.step(fmt::format("comparing the {} with {}", subject.bucket != nullptr ? "bucket" : "tree", remote.name));
  const auto allowed = guard(*files, subject, mirror, source);
  if (!allowed) return pass(allowed.error());
  mirror.most_deleted = allowed->deletions;
  context.output.step(fmt::format("mirroring to {}", remote.name));
  auto ran = files->mirror(mirror, source.tree.get(), source.databases.files(), false);
  if (!ran) return pass(ran.error());
  if (ran->figures.number[0] > 0)
    return fail(Exit::io_error, "{} files could not be mirrored to {}, so the mirror is incomplete; what is there is kept",
                ran->figures.number[0], remote.name);
  if (auto pruned = prune_history(context, *files, subject, today); !pruned) return pass(pruned.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  ran->figures.number[0] = allowed->passed_over - allowed->odd;
  ran->figures.number[5] = allowed->odd;
  return ran->figures;
}

}  // namespace backupctl::step
