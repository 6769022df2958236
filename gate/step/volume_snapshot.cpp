#include "gate/step/volume_snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/civil_date.h"
#include "common/escape.h"
#include "common/io.h"
#include "gate/lease/store.h"
#include "gate/service/volumes.h"
#include "gate/snapshot/staged_list.h"
#include "gate/step/helpers.h"
#include "gate/step/probes.h"
#include "gate/step/runner.h"
#include "gate/step/service_stop.h"
#include "gate/step/signed_manifest.h"
#include "gate/step/snapshot_readme.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

/// One volume's archive.
struct Archive {
  std::string volume, name;
  TreeRead read;
};

/// YYYYMMDD-HHMMSS in the policy's zone, later than every snapshot there is: a clock that was put back makes no second one.
Result<std::string> new_id(Context& context, const state::Snapshots& store) {
  const auto ids = store.ids();
  if (!ids) return pass(ids.error());
  const std::int64_t now = ::time(nullptr);
  const auto civil = time_in_zone(now, context.policy.gate.timezone);
  if (!civil) return fail(Exit::bad_config, "the zone {} is not known on this host", context.policy.gate.timezone);
  std::string date = format_date(civil->date);
  std::erase(date, '-');
  std::string id = fmt::format("{}-{:02}{:02}{:02}", date, civil->minute_of_day / 60, civil->minute_of_day % 60, now % 60);
  if (!ids->empty() && ids->back() >= id)
    return fail(Exit::bad_config,
                "the clock shows {}, and this host already has the snapshot {}: nothing was stopped; wait, or set the clock",
                id, ids->back());
  return id;
}

Result<> write_file(int dir, const std::string& name, std::string_view bytes) {
  UniqueFd fd = open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!fd || ::fchmod(fd.get(), 0644) != 0) return fail_errno(Exit::io_error, errno, "cannot write {}", name);
  return write_all(fd.get(), bytes);
}

/// Moves a file of the spool, which is on the same file system, into the folder.
Result<> keep(const state::Spool& spool, const char* name, int folder, const std::string& as) {
  if (::renameat(spool.fd(), name, folder, as.c_str()) == 0) return {};
  return fail_errno(Exit::io_error, errno, "cannot move {} out of the spool", as);
}

/// Reads a volume, or its snapshot, into an archive in the folder.
Result<Archive> archive_volume(Context& context, const policy::Service& service, const std::string& volume,
                               const StagedTree& tree, bool hot, state::Spool& spool, int folder) {
  const std::string ending = service.format == policy::ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst";
  Archive archive{volume, fmt::format("{}.{}", volume, ending), {}};
  context.output.step(fmt::format("compressing volume {}", volume));
  auto fd = hot ? open_tree_root(tree.path, true) : open_snapshot(tree);
  if (!fd) return pass(fd.error());
  const std::string path = hot ? tree.path : fmt::format("{}/snapshot/{}", tree.staging, snapshot::tree_name);
  auto read = read_tree(context, service, path, service.exclude, fd->get(), {}, spool);
  if (!read) return pass(read.error());
  archive.read = std::move(*read);
  if (auto kept = keep(spool, "archive", folder, archive.name); !kept) return pass(kept.error());
  ::unlinkat(spool.fd(), "files.jsonl", 0);
  return archive;
}

/// The lines of the manifest's list.
std::string described(const std::vector<Archive>& archives, const std::string& engine) {
  std::string lines;
  for (const Archive& each : archives)
    lines += fmt::format(R"({{"volume":{},"engine":{},"archive":{},"size":{},"sha256":"{}","members":{},"source_bytes":{}}})"
                         "\n",
                         json_string(each.volume), json_string(engine), json_string(each.name), each.read.archive_bytes,
                         to_hex(each.read.digest), each.read.members, each.read.source_bytes);
  return lines;
}

/// What a restore starts: what runs, or ran before it was stopped.
service::Names units_of(Context& context, const policy::Service& service) {
  const policy::Controller* controller = controller_of(context, service);
  if (controller == nullptr) return {};
  const auto lease = lease::read(context.state.fd(), service.name);
  if (lease && lease->has_value()) return (*lease)->units;
  const auto state = service::query(*controller, service.name, controller_runner(context.session));
  return state ? state->running : service::Names{};
}

/// That not all volumes are empty (D3).
Result<> check_content(Context& context, const policy::Service& service, const std::vector<StagedTree>& trees) {
  bool any = false;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    const auto root = open_tree_root(trees[i].path, true);
    if (!root) return pass(root.error());
    const bool empty = is_empty_directory(root->get());
    if (empty) context.output.note(fmt::format("volume {} is empty", service.volumes[i]), true);
    any = any || !empty;
  }
  if (any) return {};
  return fail(Exit::bad_data,
              "all volumes of {} are empty, which looks like a disk that is not mounted: nothing was stopped or sent, and the "
              "copies stay as they are",
              service.name);
}

/// Fills the folder from the volumes, or their snapshots.
Result<> fill(Context& context, const policy::Service& service, const std::vector<StagedTree>& trees, int folder,
              const service::Names& units, const std::map<std::string, std::string>& probes, const std::string& keys,
              VolumeSnapshot& made) {
  const bool hot = service.consistency == policy::Consistency::hot;
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  std::vector<Archive> archives;
  std::string sums;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    auto archive = archive_volume(context, service, service.volumes[i], trees[i], hot, *spool, folder);
    if (!archive) return pass(archive.error());
    made.fault(archive->read.faults, archive->read.first_fault);
    made.bytes += archive->read.archive_bytes;
    made.source_bytes += archive->read.source_bytes;
    sums += fmt::format("{}  {}\n", to_hex(archive->read.digest), archive->name);
    archives.push_back(std::move(*archive));
  }

  TreeRead all;
  all.source_bytes = made.source_bytes;
  all.files = static_cast<std::int64_t>(archives.size());
  all.faults = made.faults;
  all.downtime = made.downtime;
  const std::string lines = described(archives, service.volume_engine);
  all.files_digest = sha256(lines);
  manifest::Manifest manifest =
      tree_manifest(context, service, *date_in_zone(::time(nullptr), context.policy.gate.timezone), all);
  const std::string ending = service.format == policy::ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst";
  const std::string readme = snapshot_readme(service, made.id, manifest.host, units, ending, probes);
  sums += fmt::format("{}  README.md\n", to_hex(sha256(readme)));
  manifest.archive = made.id;
  manifest.format = ending;
  manifest.compression = service.format == policy::ArchiveFormat::tar_gz ? "gzip" : "zstd";
  manifest.size = made.bytes;
  manifest.sha256 = sha256(sums);
  for (const Archive& each : archives) manifest.members += each.read.members;
  manifest.probes = probes;
  if (!hot) manifest.consistency = "snapshot";  // cold volumes are no colder than that
  if (auto written = write_file(folder, "README.md", readme); !written) return written;
  if (auto written = write_file(folder, "MANIFEST.sha256", sums); !written) return written;
  if (auto written = write_file(spool->fd(), "files.jsonl", lines); !written) return written;
  if (auto written = write_signed(context, manifest, *spool, "manifest.json", keys); !written) return written;
  return keep(*spool, "manifest.json", folder, "manifest.json");
}

}  // namespace

Result<std::vector<StagedTree>> volume_places(Context& context, const policy::Service& service) {
  auto volumes = service::find_volumes(service.volume_engine, service.volumes, controller_runner(context.session));
  if (!volumes) return pass(volumes.error());
  std::vector<StagedTree> places;
  for (const service::Volume& volume : *volumes) {
    for (const StagedTree& other : places)
      if ((other.path + "/").starts_with(volume.path + "/") || (volume.path + "/").starts_with(other.path + "/"))
        return fail(
            Exit::bad_config,
            "volume {} lies in the place of another volume of {} ({}), or within it; nothing was done: name one of them",
            volume.name, service.name, other.path);
    places.push_back({volume.path,
                      service.staging.empty() ? service::staging_beside(volume.path, service.name + "." + volume.name)
                                              : fmt::format("{}.{}", service.staging, volume.name),
                      service.exclude, true});
  }
  return places;
}

Result<> check_no_other_users(Context& context, const policy::Service& service) {
  if (service.source != policy::SourceKind::volumes) return {};
  const auto users = service::users_of(service.volume_engine, service.volumes, controller_runner(context.session));
  if (!users) return pass(users.error());
  if (users->empty()) return {};
  if (controller_of(context, service) == nullptr) {
    context.output.note(fmt::format("container {} runs on the old volumes until it is started anew", users->front()), true);
    return {};
  }
  return fail(
      Exit::unavailable,
      "container {} uses a volume of {} and runs on, so nothing was exchanged: it would write into the old one; stop it, "
      "or add it to the controller",
      escape_line(users->front(), 128), service.name);
}

void warn_of_other_users(Context& context, const policy::Service& service) {
  const policy::Controller* controller = controller_of(context, service);
  using enum policy::ControllerKind;
  if (controller == nullptr || (controller->kind != compose && controller->kind != podman)) return;
  const auto run = controller_runner(context.session);
  const auto users = service::users_of(service.volume_engine, service.volumes, run);
  const auto state = service::query(*controller, service.name, run);
  if (!users || !state) return;  // who cannot be asked now says so where it matters
  for (const std::string& user : *users)
    if (std::find(state->running.begin(), state->running.end(), user) == state->running.end())
      context.output.note(
          fmt::format(
              "container {} uses a volume of {} too, and controller.{} does not stop it: what it writes meanwhile may be "
              "torn; add it there, or stop it",
              escape_line(user, 128), service.name, controller->name),
          true);
}

Result<VolumeSnapshot> make_volume_snapshot(Context& context, const policy::Service& service, const state::Snapshots& store,
                                            const std::string& keys) {
  const auto trees = volume_places(context, service);
  if (!trees) return pass(trees.error());
  if (auto any = check_content(context, service, *trees); !any) return pass(any.error());
  auto id = new_id(context, store);
  if (!id) return pass(id.error());
  if (service.consistency != policy::Consistency::hot) warn_of_other_users(context, service);
  const service::Names units = units_of(context, service);
  const auto probes = run_probes(context, service);
  VolumeSnapshot made{std::move(*id), {}, 0, 0, 0, {}};
  if (service.consistency != policy::Consistency::hot) {
    const auto infos = take_snapshots(context, service, *trees);
    if (!infos) return pass(infos.error());
    made.downtime = infos->front().downtime;
    for (const snapshot::Info& info : *infos) made.fault(info.faults, info.first_fault);
  }

  const auto folder = store.begin(made.id);
  if (!folder) return pass(folder.error());
  auto filled = fill(context, service, *trees, folder->get(), units, probes, keys, made);
  if (filled) filled = store.commit(made.id);
  if (filled) return made;
  store.discard(made.id);
  return pass(filled.error());
}

Result<SnapshotRecord> read_snapshot_record(Context& context, const std::string& service, int folder, const std::string& id,
                                            const std::string& keys) {
  const UniqueFd file = open_beneath(folder, "manifest.json", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  auto trusted = memory_file(keys);
  if (!file || !trusted) return fail_errno(Exit::io_error, errno, "cannot read the manifest of {} on this host", id);
  SnapshotRecord found;
  const auto result = run_relay(context, {"snapshot", service, id}, file.get(), {trusted->get()},
                                [&](const Record& record) { return take_archive(record, found); });
  if (!result) return pass(result.error());
  take_signed(*result, found);
  return found;
}

Result<SnapshotRecord> read_local_snapshot(Context& context, const std::string& service, const state::Snapshots& store,
                                           const std::string& id, const std::string& keys) {
  const auto folder = store.open_for_reading(id);
  if (!folder) return pass(folder.error());
  return read_snapshot_record(context, service, folder->get(), id, keys);
}

}  // namespace backupctl::step
