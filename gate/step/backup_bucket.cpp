#include <time.h>

#include "common/io.h"
#include "gate/state/history.h"
#include "gate/step/mirror_manifest.h"
#include "gate/step/mirror_to.h"
#include "gate/step/retention.h"
#include "gate/step/served.h"
#include "gate/step/step.h"
#include "gate/step/stored_mirror.h"

namespace backupctl::step {
namespace {

/// The mirror's signed manifest, made in the spool from every byte of it: a directory of this host is read where it is, and
/// what lies elsewhere is read back first, since no remote tells the SHA-256 of what it holds.
Result<TreeRead> describe(Context& context, const policy::Remote& remote, const policy::Service& service, CivilDate today,
                          state::Spool& spool, const Record& mirrored) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto fetched = state::Spool::make(context.state);
  if (!fetched) return pass(fetched.error());
  const bool here = !remote.directory.empty();
  if (!here) context.output.step(fmt::format("reading the mirror back from {}", remote.name));
  auto folder = here ? files->open_directory(files->layout().data(service.name)) : fetch_data(*files, service, *fetched);
  if (!folder) return pass(folder.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  const std::string path = here ? files->path_here(files->layout().data(service.name)) : fetched->path() + "/mirror";
  return write_mirror_manifest(context, service, Source{std::move(*folder), path, {}, {}, {}}, today, spool, mirrored.number[0],
                               mirrored.number[5]);
}

/// One remote: the mirror, and only when it is as the bucket is, its manifest.
Result<TreeRead> serve(Context& context, const policy::Remote& remote, const policy::Service& service, CivilDate today,
                       Record& figures) {
  const MirrorSubject subject{service.name,
                              "",
                              service.exclude,
                              service.guard,
                              false,
                              false,
                              &context.policy.remotes.at(service.bucket.remote),
                              service.bucket.prefixes};
  const auto mirrored = mirror_to(context, remote, subject, Source{}, today);
  if (!mirrored) return pass(mirrored.error());
  for (const std::size_t i : {1U, 2U, 4U}) figures.number[i] += mirrored->number[i];
  const std::int64_t began = ::time(nullptr);
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  if (mirrored->number[5] > 0)
    context.output.note(fmt::format("{} keys of the bucket can be no paths (named above), so they are not in the mirror on {}; "
                                    "its manifest says how many",
                                    mirrored->number[5], remote.name),
                        true);
  figures.number[5] = std::max(figures.number[5], mirrored->number[5]);
  auto read = describe(context, remote, service, today, *spool, *mirrored);
  if (!read) return read;
  if (auto sent = send_mirror_manifest(context, remote, service, *spool); !sent) return pass(sent.error());
  if (auto noted = state::note_mirrored(context.state, service.name, began); !noted) return pass(noted.error());
  if (mirrored->number[0] > 0)
    return fail(Exit::io_error, "incomplete: {} keys of the bucket are not in the mirror on {} (named above)",
                mirrored->number[0], remote.name);
  if (read->faults > 0)
    return fail(Exit::io_error,
                "incomplete: {} of {} files were not as they should be when the mirror on {} was read over again ({}); its "
                "manifest says so",
                read->faults, read->files, remote.name, read->first_fault);
  if (auto noted = note_committed(context, service, remote.name, today, read->file_bytes); !noted) return pass(noted.error());
  return read;
}

}  // namespace

Result<Report> backup_bucket(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const auto today = date_in_zone(::time(nullptr), context.policy.gate.timezone);
  if (auto right = check_clock(context, service.name, *today); !right) return pass(right.error());
  Served served(context);
  Record figures;
  std::int64_t bytes = 0;
  for (const policy::Remote* remote : plan.remotes) {
    const auto read = serve(context, *remote, service, *today, figures);
    if (!read && served.take(read.error())) return pass(read.error());
    if (!read) continue;
    served.add(remote->name);
    bytes = read->file_bytes;
  }
  if (served.fault()) return pass(served.error());
  Report report{"mirrored",
                {monitor::bytes_field("size", bytes), monitor::number_field("files", figures.number[2]),
                 monitor::bytes_field("bytes", figures.number[1]), monitor::number_field("deleted", figures.number[4])}};
  add_left_out(report.fields, figures.number[5]);
  return report;
}

}  // namespace backupctl::step
