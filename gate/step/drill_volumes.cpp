#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/io.h"
#include "gate/state/spool.h"
#include "gate/step/drill_record.h"
#include "gate/step/extraction.h"
#include "gate/step/found_snapshot.h"
#include "gate/step/scratch.h"
#include "gate/step/watch.h"

namespace backupctl::step {
namespace {

/// One volume's archive into a folder of its own.
Result<Record> extract_volume(Context& context, const FoundSnapshot& found, const SnapshotRecord::Archive& archive,
                              const Scratch& scratch) {
  const std::string name = archive.name.substr(0, archive.name.rfind(".tar."));
  context.output.step(fmt::format("extracting volume {}", name));
  ::mkdirat(scratch.fd(), name.c_str(), 0700);
  const UniqueFd into = open_beneath(scratch.fd(), name, O_RDONLY | O_DIRECTORY);
  const UniqueFd file = open_beneath(found.folder.get(), archive.name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!into || !file) return fail_errno(Exit::io_error, errno, "cannot extract {} into {}", archive.name, scratch.path());
  return run_extractor(
      context,
      {.args = announced(archive), .in = file.get(), .target = into.get(), .to = fmt::format("{}/{}", scratch.path(), name)});
}

}  // namespace

Result<> rehearse_volumes(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                          DrillRecord& record) {
  Watch watch;
  auto found = find_snapshot(context, service, {.from = std::string(any_remote)}, keys);
  if (!found) return pass(found.error());
  record.archive = found->id;
  record.remote = found->from;
  record.size = found->record.bytes();
  record.sha256 = found->record.checksums;
  std::int64_t content = 0;
  for (const SnapshotRecord::Archive& archive : found->record.archives) content += archive.content;
  const std::string spool_path = context.state.at("spool");
  if (auto room = check_drill_room(spool_path, record.size + (wish.scratch.empty() ? content : 0)); !room) return room;
  if (auto room = check_drill_room(wish.scratch.empty() ? spool_path : wish.scratch, content); !room) return room;
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  if (auto fetched = fetch_snapshot(context, service, *found, spool->fd(), keys); !fetched) return fetched;
  record.fetch = watch.lap();
  if (auto verified = verify_archives(context, *found); !verified) return verified;
  record.verify = watch.lap();
  auto scratch = Scratch::make(context.state, service.name, wish.scratch);
  if (!scratch) return pass(scratch.error());
  for (const SnapshotRecord::Archive& archive : found->record.archives) {
    const auto extracted = extract_volume(context, *found, archive, *scratch);
    if (!extracted) return pass(extracted.error());
    record.files += extracted->number[1];
    record.bytes += extracted->number[2];
    if (extracted->digest != archive.sha256)
      return fail(Exit::bad_data, "{} changed between verifying and extracting", archive.name);
    if (extracted->number[3] > 0)
      return fail(Exit::io_error,
                  "{} owners, attributes or times of {} could not be restored in {} (named above); try a --scratch on the "
                  "volumes' own kind of file system",
                  extracted->number[3], archive.name, scratch->path());
  }
  record.extract = watch.lap();
  return {};
}

}  // namespace backupctl::step
