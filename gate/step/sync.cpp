#include <time.h>

#include <optional>

#include "common/civil_date.h"
#include "gate/source/exclude.h"
#include "gate/state/history.h"
#include "gate/step/mirror_manifest.h"
#include "gate/step/mirror_to.h"
#include "gate/step/retention.h"
#include "gate/step/served.h"
#include "gate/step/source.h"
#include "gate/step/step.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

MirrorSubject subject_of(const policy::Plan& plan) {
  if (plan.target != nullptr)
    return {plan.target->name, plan.target->path, plan.target->exclude, plan.target->guard, true, true};
  const policy::Service& service = *plan.service;
  return {service.name, service.path, service.exclude, service.guard, false, service.consistency == policy::Consistency::hot};
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
  const MirrorSubject subject = subject_of(plan);
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
    auto figures = mirror_to(context, *remote, subject, *source, *today);
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
