#include "gate/step/restore_bucket.h"

#include <fcntl.h>
#include <time.h>

#include "common/escape.h"
#include "common/io.h"
#include "gate/sandbox/helper.h"
#include "gate/state/lock.h"
#include "gate/step/stored_mirror.h"

namespace backupctl::step {
namespace {

/// The folder of the history that one restore has for itself.
std::string folder_name() {
  const time_t now = ::time(nullptr);
  struct tm utc {};
  char text[32] = {};
  ::gmtime_r(&now, &utc);
  ::strftime(text, sizeof text, "%Y-%m-%d-%H%M%S", &utc);
  return std::string(text) + "-before-restore";
}

/// D6: what the restore will overwrite, kept on the remote where the mirror lies. @return how many objects
Result<std::int64_t> keep_old(Context& context, const policy::Remote& remote, const policy::Remote& bucket,
                              remote::Mirror mirror, const std::string& service, const std::string& folder) {
  auto files = RemoteFiles::open(context, remote, &bucket);
  if (!files) return pass(files.error());
  mirror.from = remote::Layout(bucket).at("");
  mirror.to = files->layout().history(service, folder);
  context.output.step(fmt::format("keeping what is overwritten in {}/history/{} on {}", service, folder, remote.name));
  const auto kept = files->keep_changed(mirror, files->layout().data(service));
  if (!kept) return fail(kept.error().exit, "{}; the bucket was not touched", kept.error().sentence);
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return kept->figures.number[2];
}

}  // namespace

Result<Report> restore_bucket(Context& context, const policy::Service& service, const RestoreWish& wish,
                              const std::string& keys) {
  const policy::Remote& bucket = context.policy.remotes.at(service.bucket.remote);
  // No backup may mirror meanwhile what is half restored.
  const auto lock = state::take_any(context.state, {"service-" + service.name}, context.policy.gate.lock_wait, context.session,
                                    fmt::format("another step of {} has run all the time; nothing was done", service.name));
  if (!lock) return pass(lock.error());
  const auto found =
      obtain_mirror(context, service, keys, wish.remote.empty() ? service.remotes : std::vector{wish.remote}, true);
  if (!found) return pass(found.error());
  const std::vector<std::string>& wanted = wish.only.empty() ? service.bucket.prefixes : wish.only;
  for (const std::string& prefix : wanted)
    if (!open_beneath(found->folder.get(), prefix.c_str(), O_PATH))
      return fail(Exit::bad_data, "the mirror of {} on {} holds nothing beneath {}; nothing was done", service.name,
                  found->stored.remote->name, escape_line(prefix, 200));

  remote::Mirror mirror{.bucket = true, .prefixes = wanted};
  const std::string folder = folder_name();
  const auto kept = keep_old(context, *found->stored.remote, bucket, mirror, service.name, folder);
  if (!kept) return pass(kept.error());
  auto files = RemoteFiles::open(context, bucket);
  if (!files) return pass(files.error());
  mirror.from = sandbox::source_dir;
  mirror.to = files->layout().at("");
  context.output.step(fmt::format("restoring to {}", mirror.to));
  const std::string way_back =
      *kept == 0 ? std::string("nothing was overwritten")
                 : fmt::format("{} objects that were there and are not the mirror's are kept in {}/history/{} on {}", *kept,
                               service.name, folder, found->stored.remote->name);
  const auto done = files->fill_bucket(mirror, found->folder.get());
  if (!done)
    return fail(done.error().exit, "{}; the bucket is restored in part, {}; run the same --restore again",
                done.error().sentence, way_back);
  if (auto closed = files->close(); !closed) return pass(closed.error());
  context.output.note("objects that the mirror does not have were left in the bucket", false);
  Report report{
      fmt::format("restored to {}, {}", mirror.to, way_back),
      {monitor::text_field("from", found->stored.remote->name), monitor::number_field("objects", done->figures.number[2]),
       monitor::bytes_field("bytes", done->figures.number[1])}};
  add_left_out(report.fields, found->stored.left_out());
  return report;
}

}  // namespace backupctl::step
