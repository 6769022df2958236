#include <fmt/ranges.h>

#include "gate/config/policy_file.h"
#include "gate/step/drill_record.h"
#include "gate/step/helpers.h"
#include "gate/step/scratch.h"
#include "gate/step/served.h"
#include "gate/step/step.h"
#include "gate/step/stored_mirror.h"
#include "gate/step/watch.h"

namespace backupctl::step {
namespace {

/// The mirror of one remote against its signed manifest, every byte of it (X6): where it lies, if that is a directory of this
/// host, else read back.
Result<StoredMirror> verify_on(Context& context, const policy::Remote& remote, const policy::Service& service,
                               const std::string& keys) {
  auto stored = find_mirror(context, service, keys, {remote.name});
  if (!stored) return stored;
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  const auto here = [&]() -> Result<UniqueFd> {
    auto files = RemoteFiles::open(context, remote);
    if (!files) return pass(files.error());
    return files->open_directory(files->layout().data(service.name));
  };
  const auto folder = remote.directory.empty() ? fetch_mirror(context, service, *stored, *spool) : here();
  if (!folder) return pass(folder.error());
  const auto differing = verify_mirror(context, *stored, folder->get());
  if (!differing) return pass(differing.error());
  if (*differing > 0)
    return fail(
        Exit::bad_data,
        "the mirror of {} on {} does not verify: {} files are not what its signed manifest says (named above), so they "
        "were damaged or exchanged there, or a backup was broken off; while the bucket is good, make it anew: backupctl "
        "--backup {}",
        service.name, remote.name, *differing, service.name);
  if (!stored->complete())
    return fail(Exit::io_error, "the mirror of {} on {} is what its manifest says, but that says that it is incomplete",
                service.name, remote.name);
  return stored;
}

}  // namespace

Result<Report> verify_bucket(Context& context, const policy::Plan& plan) {
  context.gives_way = true;
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  Served served(context);
  std::vector<std::string> good;
  std::int64_t bytes = 0;
  std::int64_t files = 0;
  std::int64_t left_out = 0;
  for (const policy::Remote* remote : plan.remotes) {
    const auto stored = verify_on(context, *remote, *plan.service, *keys);
    if (!stored && served.take(stored.error()))
      return fail(stored.error().exit, "{}; nothing was changed, verify again when no step runs", stored.error().sentence);
    if (!stored) continue;
    served.add(remote->name);
    good.push_back(remote->name);
    bytes = stored->bytes();
    files = stored->files();
    left_out = stored->left_out();
  }
  if (served.fault()) return pass(served.error());
  Report report{"verified",
                {monitor::bytes_field("size", bytes), monitor::number_field("files", files),
                 monitor::text_field("remotes", fmt::format("{}", fmt::join(good, ",")))}};
  add_left_out(report.fields, left_out);
  return report;
}

Result<> rehearse_bucket(Context& context, const policy::Service& service, const DrillWish& wish, const std::string& keys,
                         DrillRecord& record) {
  Watch watch;
  record.archive = "mirror";
  auto found = obtain_mirror(context, service, keys, service.remotes, true);
  if (!found) return pass(found.error());
  const StoredMirror& stored = found->stored;
  record.remote = stored.remote->name;
  record.size = stored.bytes();
  record.sha256 = stored.record.digest;
  record.fetch = watch.lap();
  if (auto room = check_drill_room(wish.scratch.empty() ? context.state.at("spool") : wish.scratch, record.size); !room)
    return room;
  auto scratch = Scratch::make(context.state, service.name, wish.scratch);
  if (!scratch) return pass(scratch.error());
  // Every file is compared with its SHA-256 once more while it is copied (gate/restore/mirror.h).
  const auto extracted = extract_mirror(context, stored, found->folder.get(), scratch->fd(), scratch->path());
  if (!extracted) return pass(extracted.error());
  record.files = extracted->number[1];
  record.bytes = extracted->number[2];
  record.compared = true;
  record.extract = watch.lap();
  return {};
}

}  // namespace backupctl::step
