#include <unistd.h>

#include "gate/config/policy_file.h"
#include "gate/monitor/job.h"
#include "gate/sandbox/helper.h"
#include "gate/state/lock.h"
#include "gate/state/spool.h"
#include "gate/step/found_snapshot.h"
#include "gate/step/helpers.h"
#include "gate/step/step.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

/// The manifest last: what was cut off has none, and is no backup.
std::vector<std::string> packing_arguments(const FoundSnapshot& found, std::uint64_t offset) {
  std::vector<std::string> args = {
      "--pack", found.id, "--time", std::to_string(found.record.created), "--offset", std::to_string(offset)};
  for (const SnapshotRecord::Archive& archive : found.record.archives) args.push_back(archive.name);
  args.insert(args.end(), {"README.md", "MANIFEST.sha256", "manifest.json"});
  return args;
}

/// No tar of it is longer: headers, long names and small files counted generously.
std::uint64_t most_of_tar(const SnapshotRecord& record) {
  return static_cast<std::uint64_t>(record.bytes()) + (record.archives.size() + 4) * 4096 + (std::uint64_t{32} << 20);
}

/// The folder to standard output, from the role "reader". @return bytes sent
Result<std::int64_t> send_folder(Context& context, const FoundSnapshot& found, std::uint64_t offset) {
  auto worker = Worker::hire(context, sandbox::RoleName::reader);
  if (!worker) return pass(worker.error());
  if (auto shown = worker->show_tree(found.folder.get(), "the snapshot's folder", sandbox::source_dir, false); !shown)
    return pass(shown.error());
  auto child = start_helper(*worker, "backupctl-reader", packing_arguments(found, offset), -1, STDOUT_FILENO);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child));
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::unavailable, "the export ended with {}: what was received is not whole", ending.status);
  return ending.result->number[0];
}

}  // namespace

Result<Report> export_snapshot(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  if (::isatty(STDOUT_FILENO) == 1)
    return fail(Exit::not_a_request, "an export is a tar and no text for a terminal; send standard output to a file or to tar");
  context.gives_way = true;
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  auto found = find_snapshot(context, service, {plan.snapshot_id, ""}, *keys);
  if (!found) return pass(found.error());
  if (plan.offset > most_of_tar(found->record))
    return fail(Exit::bad_data, "snapshot {} has no byte {}: begin anew", found->id, plan.offset);
  std::optional<state::Lock> alone;
  std::optional<state::Spool> spool;  // until all is sent
  if (found->remote != nullptr) {
    // It lies in the spool while it is sent: one at a time, whoever asks (X11).
    auto lock = state::Lock::try_take(context.state, "export");
    if (!lock) return pass(lock.error());
    if (!lock->has_value())
      return fail(Exit::unavailable, "an export of what lies on a remote alone is under way; try again when it has ended");
    alone = std::move(**lock);
    auto made = state::Spool::make(context.state);
    if (!made) return pass(made.error());
    spool.emplace(std::move(*made));
    if (auto fetched = fetch_snapshot(context, service, *found, spool->fd(), *keys); !fetched) return pass(fetched.error());
  }
  // Who pulls checks the archives against the checksums, and has no key to check those.
  if (auto good = check_small_files(*found); !good) return pass(good.error());
  context.output.step(fmt::format("sending snapshot {} from {}", found->id, found->from));
  const auto sent = send_folder(context, *found, plan.offset);
  if (!sent) return pass(sent.error());
  return Report{"exported", {monitor::text_field("snapshot", found->id), monitor::bytes_field("size", *sent)}};
}

}  // namespace backupctl::step
