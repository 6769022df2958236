#include "gate/step/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "common/remove.h"
#include "common/room.h"
#include "common/sha256.h"
#include "gate/lease/lease.h"
#include "gate/lease/store.h"
#include "gate/sandbox/helper.h"
#include "gate/snapshot/btrfs.h"
#include "gate/snapshot/staged_list.h"
#include "gate/state/staging.h"
#include "gate/step/at_rest.h"
#include "gate/step/fault_lines.h"
#include "gate/step/service_stop.h"
#include "gate/step/tree.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

constexpr const char* folder = "snapshot";
constexpr const char* probe_name = "probe";
constexpr std::uint64_t least_left = std::uint64_t{64} << 20;  ///< bytes between two looks of the stager at the free space

/// What a snapshot is of: with another path, or other patterns, it is none of this service any more.
std::string identity(const StagedTree& tree) {
  std::string text = tree.path;
  for (const std::string& pattern : tree.exclude) text += '\0' + pattern;
  return to_hex(sha256(text));
}

/// One snapshot being made.
class Snapshot {
 public:
  Snapshot(Context& context, const StagedTree& of, UniqueFd tree, UniqueFd staging)
      : context_(context), of_(of), tree_(std::move(tree)), staging_(std::move(staging)) {}

  /// While the service runs: all that takes long.
  Result<> prepare();
  /// While it stands still.
  Result<> make();
  /// When it runs again: on the disk, and told.
  Result<snapshot::Info> finish(std::optional<double> downtime);

 private:
  Result<> clear(bool wanted_as_subvolume);
  Result<bool> probe_btrfs();
  Result<Record> pass_over(bool hot, bool any_boot);

  Context& context_;
  const StagedTree& of_;
  UniqueFd tree_, staging_;
  snapshot::Info info_;
  std::vector<std::string> mounts_;
  bool btrfs_ = false;
};

/// What an earlier run left there is removed unless it is of use: a copy of files is, for the next copy.
Result<> Snapshot::clear(bool wanted_as_subvolume) {
  UniqueFd old = open_beneath(staging_.get(), snapshot::tree_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!old) return {};
  if (snapshot::is_subvolume(old.get())) return snapshot::remove_btrfs(staging_.get(), snapshot::tree_name);
  if (!wanted_as_subvolume) return {};
  for (const char* list : {snapshot::list_name, snapshot::part_name}) ::unlinkat(staging_.get(), list, 0);
  if (remove_beneath(old.get()) && ::unlinkat(staging_.get(), snapshot::tree_name, AT_REMOVEDIR) == 0) return {};
  return fail_errno(Exit::io_error, errno, "the copy before cannot be removed from {}", of_.staging);
}

/// A snapshot of the running service shows that one can be made, before anything stops, and has what is dirty written.
Result<bool> Snapshot::probe_btrfs() {
  if (!snapshot::is_subvolume(tree_.get())) return false;
  if (auto removed = snapshot::remove_btrfs(staging_.get(), probe_name); !removed) return pass(removed.error());
  if (auto made = snapshot::make_btrfs(tree_.get(), staging_.get(), probe_name); !made) {
    context_.output.note(fmt::format("no btrfs snapshot can be made in {} ({}), so the tree is copied there", of_.staging,
                                     made.error().sentence),
                         true);
    return false;
  }
  if (auto removed = snapshot::remove_btrfs(staging_.get(), probe_name); !removed) return pass(removed.error());
  return true;
}

Result<Record> Snapshot::pass_over(bool hot, bool any_boot) {
  const auto boot = lease::boot_id();
  if (!boot) return pass(boot.error());
  auto worker = Worker::hire(context_, sandbox::RoleName::stager);
  if (!worker) return pass(worker.error());
  if (auto shown = worker->show_tree(tree_.get(), of_.path, sandbox::source_dir, false); !shown) return pass(shown.error());
  if (auto shown = worker->show_tree(staging_.get(), of_.staging, sandbox::target_dir, true); !shown)
    return pass(shown.error());
  if (hot && worker->fell_back())
    context_.output.note(
        "the tree's file system does not map owners: it is copied with a capability of the host, behind the other layers",
        true);
  std::vector<std::string> args = {"--boot", *boot};
  if (any_boot) args.emplace_back("--any-boot");
  if (hot) args.emplace_back("--hot");
  for (const std::string& glob : of_.exclude) args.insert(args.end(), {"--exclude", glob});
  auto child = start_helper(*worker, "backupctl-stager", args, -1, -1);
  if (!child) return pass(child.error());
  monitor::Job job(context_.session);
  FaultLines faults(context_.output);
  const std::size_t place = job.add(std::move(*child), [&](const Record& record) { return faults.take(record); });
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the stager ended with {} and without a result", ending.status);
  faults.finish();
  if (!hot) info_.faults = ending.result->number[3], info_.first_fault = faults.first();
  return *ending.result;
}

Result<> Snapshot::prepare() {
  // Whether the copy survived a power failure: then its list is good, whatever boot it was written in.
  const bool whole = snapshot::read_info(staging_.get()).has_value();
  if (auto given_up = snapshot::remove_info(staging_.get()); !given_up) return given_up;
  auto btrfs = probe_btrfs();
  if (!btrfs) return pass(btrfs.error());
  btrfs_ = *btrfs;
  if (auto cleared = clear(btrfs_); !cleared) return cleared;
  if (btrfs_) return {};
  context_.output.step("copying the tree beside itself, while the service runs");
  auto copied = pass_over(true, whole);
  if (copied) return {};
  // Half of a copy that found no room would keep it from the service (D8); any other is gone on with.
  if (const auto room = room_on(staging_.get()); room && (room->bytes < least_left || room->files == 0))
    if (auto given_up = clear(true); !given_up) context_.output.note(given_up.error().sentence, true);
  return pass(copied.error());
}

Result<> Snapshot::make() {
  info_.taken = ::time(nullptr);
  mounts_ = missed_mounts(of_.path, of_.exclude);  // no walk sees them, and a service that runs may bring or take some
  if (btrfs_) {
    info_.method = "btrfs";
    return snapshot::make_btrfs(tree_.get(), staging_.get(), snapshot::tree_name);
  }
  context_.output.step("copying what changed meanwhile");
  auto copied = pass_over(false, false);
  if (!copied) return pass(copied.error());
  info_.method = copied->number[5] == 1 ? "shared blocks" : "copy";
  return {};
}

Result<snapshot::Info> Snapshot::finish(std::optional<double> downtime) {
  info_.downtime = downtime;
  for (const std::string& mount : mounts_) {
    const std::string fault = "mount point, not read: " + escape_line(mount, 512);
    context_.output.note(fault, true);
    if (info_.first_fault.empty()) info_.first_fault = fault;
    ++info_.faults;
  }
  info_.of = identity(of_);
  if (::syncfs(staging_.get()) != 0) {
    const int code = errno;  // told once: what is staged looks well to the next run
    for (const char* list : {snapshot::list_name, snapshot::part_name}) ::unlinkat(staging_.get(), list, 0);
    return fail_errno(Exit::io_error, code, "the snapshot in {} cannot be written to the disk", of_.staging);
  }
  if (auto written = snapshot::write_info(staging_.get(), info_); !written) return pass(written.error());
  return info_;
}

/// While the service runs.
Result<std::vector<Snapshot>> prepare(Context& context, const std::vector<StagedTree>& trees) {
  std::vector<Snapshot> snapshots;
  for (const StagedTree& of : trees) {
    auto tree = open_tree_root(of.path, of.may_be_empty);
    if (!tree) return pass(tree.error());
    auto staging = state::open_staging(of.staging, folder);
    if (!staging) return pass(staging.error());
    snapshots.emplace_back(context, of, std::move(*tree), std::move(*staging));
  }
  for (Snapshot& each : snapshots)
    if (auto prepared = each.prepare(); !prepared) return pass(prepared.error());
  return snapshots;
}

/// Between stop and start: the snapshots, of a service that does not run.
Result<> make_at_rest(Context& context, const policy::Service& service, std::vector<Snapshot>& snapshots) {
  auto rest = AtRest::check(context, service);
  if (!rest) return pass(rest.error());
  for (Snapshot& each : snapshots)
    if (auto made = each.make(); !made) return made;
  return rest->still(context);
}

}  // namespace

StagedTree staged_tree(const policy::Service& service) { return {service.path, service.staging, service.exclude}; }

Result<std::vector<snapshot::Info>> take_snapshots(Context& context, const policy::Service& service,
                                                   const std::vector<StagedTree>& trees) {
  auto snapshots = prepare(context, trees);
  if (!snapshots) return fail(snapshots.error().exit, "{}; the service was not stopped", snapshots.error().sentence);

  std::optional<Stopped> stopped;
  if (const policy::Controller* controller = controller_of(context, service); controller != nullptr) {
    context.output.step("stopping the service");
    auto done = stop_service(context, service, *controller);
    if (!done) return pass(done.error());
    stopped = std::move(*done);
  }
  const auto made = make_at_rest(context, service, *snapshots);
  // Started in any case (S1): what was stopped now, or under a lease before.
  std::optional<double> downtime;
  auto lease = lease::read(context.state.fd(), service.name);
  if (!lease) return pass(lease.error());
  if (lease->has_value()) {
    if (auto started = start_again(context, **lease); !started)
      return fail(started.error().exit, "{}{}", made ? "" : made.error().sentence + "; ", started.error().sentence);
    if (stopped) downtime = std::chrono::duration<double>(monitor::Clock::now() - stopped->since).count();
  }
  if (!made)
    return fail(made.error().exit, "{}; there is no snapshot, and the service {}", made.error().sentence,
                lease->has_value() ? "runs again" : "is as it was");
  std::vector<snapshot::Info> infos;
  for (Snapshot& each : *snapshots) {
    auto info = each.finish(downtime);
    if (!info) return pass(info.error());
    infos.push_back(std::move(*info));
  }
  return infos;
}

Result<snapshot::Info> take_snapshot(Context& context, const policy::Service& service) {
  auto infos = take_snapshots(context, service, {staged_tree(service)});
  if (!infos) return pass(infos.error());
  return std::move(infos->front());
}

Result<UniqueFd> open_snapshot(const StagedTree& of) {
  const auto staging = state::open_staging(of.staging, folder);
  if (!staging) return pass(staging.error());
  UniqueFd tree = open_beneath(staging->get(), snapshot::tree_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!tree) return fail_errno(Exit::io_error, errno, "the snapshot in {} cannot be opened; nothing was sent", of.staging);
  if (!of.may_be_empty && is_empty_directory(tree.get()))
    return fail(Exit::bad_data, "the snapshot in {} is empty: nothing was sent and the copies stay as they are", of.staging);
  return tree;
}

std::optional<snapshot::Info> young_snapshot(const policy::Service& service) {
  const auto staging = state::open_staging(service.staging, folder);
  auto info = staging ? snapshot::read_info(staging->get()) : std::nullopt;
  const std::int64_t age = info ? ::time(nullptr) - info->taken : -1;
  if (age < 0 || age > service.snapshot_max_age.count() || info->of != identity(staged_tree(service)))
    return {};  // one from the future tells nothing
  return info;
}

Result<> forget_snapshot(const StagedTree& tree) {
  const auto staging = state::open_staging(tree.staging, folder);
  return staging ? snapshot::remove_info(staging->get()) : pass(staging.error());
}

Result<Report> snapshot(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  if (service.consistency == policy::Consistency::hot)
    return Report{"is backed up while it runs, so no snapshot was taken", {}};
  const auto info = take_snapshot(context, service);
  if (!info) return pass(info.error());
  Report report{fmt::format("took a snapshot ({})", info->method), {}};
  if (info->downtime)
    report.fields.push_back(monitor::seconds_field("downtime", *info->downtime));
  else
    report.text += " of the service, which did not run";
  if (info->faults > 0)
    return fail(Exit::io_error, "incomplete: {} files are not in the snapshot as they should be ({}); the service {}",
                info->faults, info->first_fault, info->downtime ? "runs again" : "is as it was");
  return report;
}

}  // namespace backupctl::step
