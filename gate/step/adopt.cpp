#include "gate/step/adopt.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>

#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/journal/journal.h"
#include "gate/state/memory.h"
#include "gate/step/commit.h"
#include "gate/step/helpers.h"
#include "gate/step/served.h"
#include "gate/step/service_start.h"
#include "gate/step/stored_archive.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

/// An archive without a manifest.
struct Found {
  Entry entry;
  CivilDate date;
};

/// What this host remembers of a date, or the end.
auto remembered(state::Memory& memory, CivilDate date) {
  return std::find_if(memory.archives.begin(), memory.archives.end(),
                      [&](const auto& archive) { return archive.date == date; });
}

/// One remote of a service, of which archives are adopted.
struct Case {
  Context& context;
  const policy::Service& service;
  const policy::Remote& remote;
  const std::string& keys;
};

Result<std::vector<Found>> look(const Case& c) {
  auto files = RemoteFiles::open(c.context, c.remote);
  if (!files) return pass(files.error());
  auto entries = files->list(files->layout().archives(c.service.name));
  if (!entries) return pass(entries.error());
  std::vector<Found> found;
  for (const Entry& entry : *entries) {
    const auto name = policy::parse_archive_name(entry.name);
    const bool tar = entry.name.ends_with(".tar.gz") || entry.name.ends_with(".tar.zst");
    if (!entry.directory && tar && name && name->service == c.service.name &&
        find(*entries, entry.name + std::string(manifest_ending)) == nullptr)
      found.push_back({entry, name->date});
  }
  // The newest is worth most, should it be broken off.
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.date > b.date; });
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return found;
}

/// Puts checksum and manifest beside it, under the service's lock: what was tested must still be what lies there, and a run
/// that makes today's archive must not meet a manifest of the one that it replaces (D1).
Result<> place(const Case& c, const Found& found, const state::Spool& spool) {
  const std::string& name = found.entry.name;
  auto lock = state::take_any(
      c.context.state, {"service-" + c.service.name}, c.context.policy.gate.lock_wait, c.context.session,
      fmt::format("another step of {} has run all the time; run --adopt again, it goes on where it was", c.service.name),
      start_lock(c.service.name));
  if (!lock) return pass(lock.error());
  auto files = RemoteFiles::open(c.context, c.remote);
  if (!files) return pass(files.error());
  auto entries = files->list(files->layout().archives(c.service.name));
  if (!entries) return pass(entries.error());
  const Entry* now = find(*entries, name);
  if (now == nullptr || now->size != found.entry.size || now->modified != found.entry.modified ||
      find(*entries, name + std::string(manifest_ending)) != nullptr)
    return fail(Exit::bad_data, "it was changed while it was tested");
  const std::string beside = spool.path() + "/" + beside_folder;
  const std::string manifest = name + std::string(manifest_ending);
  const auto at = [&](const std::string& file) { return files->layout().archive(c.service.name, file); };
  if (auto sent = files->put(beside, name + std::string(checksum_ending), at(name + std::string(checksum_ending))); !sent)
    return sent;
  // Where the remote can, the manifest appears whole: half of one would never be touched again.
  const std::string uploaded = files->can().rename ? manifest + std::string(partial_ending) : manifest;
  if (auto sent = files->put(beside, manifest, at(uploaded)); !sent) return sent;
  if (uploaded != manifest)
    if (auto renamed = files->rename(at(uploaded), at(manifest)); !renamed) return renamed;
  return files->close();
}

/// Error: Exit::bad_data, it is not one that can be adopted; anything else ends the work on this remote.
Result<> adopt_one(const Case& c, const Found& found) {
  const std::string& name = found.entry.name;
  state::Memory known = state::read_memory(c.context.state, c.service.name);
  if (const auto ours = remembered(known, found.date); ours != known.archives.end() && ours->remotes.contains(c.remote.name))
    return fail(Exit::bad_data,
                "this host left an archive of that date there, whose signed manifest is gone, so it may be another's; if you "
                "know that it is not, remove {} from "
                "its line in {}",
                c.remote.name, c.context.state.at("history/" + c.service.name + ".runs"));
  if (known.first_committed && found.date >= *known.first_committed)
    return fail(Exit::bad_data,
                "this host has made its archives itself since {}, so an earlier script cannot have left it, and it may be "
                "anybody's; look at it by hand",
                format_date(*known.first_committed));
  if (found.entry.size <= 0) return fail(Exit::bad_data, "it is empty, or its size is not known");
  StoredArchive stored{&c.remote, name, found.date, {}};
  stored.manifest.number[0] = found.entry.size;
  auto archive = fetch(c.context, c.service, stored);
  if (!archive) return pass(archive.error());
  const auto tested = test(c.context, name, archive->get());
  if (!tested) return pass(tested.error());
  archive->reset();  // its room is free again
  auto spool = state::Spool::make(c.context.state);
  if (!spool) return pass(spool.error());
  if (const UniqueFd list = open_beneath(spool->fd(), "files.jsonl", O_WRONLY | O_CREAT | O_EXCL, 0644); !list)
    return fail(Exit::io_error, "cannot write in {}; nothing was sent", spool->path());
  TreeRead read;
  read.archive_bytes = tested->number[0];
  read.members = tested->number[1];
  read.source_bytes = tested->number[2];
  read.digest = tested->digest;
  read.files_digest = sha256("");
  if (auto written = write_manifest(c.context, c.service, found.date, name, read, *spool, c.keys, true); !written)
    return written;
  const auto said = journal::append(
      c.context.state,
      {"adopt", {{"service", c.service.name}, {"remote", c.remote.name}, {"archive", name}, {"sha256", to_hex(read.digest)}}},
      journal::Durability::now);
  if (!said) return pass(said.error());
  if (auto placed = place(c, found, *spool); !placed) return placed;
  const auto kept = state::change_memory(c.context.state, c.service.name, [&](state::Memory& memory) {
    const auto same = remembered(memory, found.date);
    if (same != memory.archives.end())
      same->remotes.insert(c.remote.name);
    else
      state::remember_archive(memory, {found.date,
                                       std::chrono::sys_seconds(std::chrono::sys_days(found.date)).time_since_epoch().count(),
                                       read.archive_bytes,
                                       {c.remote.name}});
  });
  if (!kept) c.context.output.note(kept.error().sentence, true);
  c.context.output.note(fmt::format("adopted {} on {}: {} members, {}", name, c.remote.name, read.members,
                                    monitor::human_bytes(read.archive_bytes)),
                        false);
  return {};
}

}  // namespace

Result<Report> adopt(Context& context, const std::string& name, const std::string& remote) {
  const auto found_service = context.policy.services.find(name);
  if (found_service == context.policy.services.end() || found_service->second.source != policy::SourceKind::tree)
    return fail(Exit::not_permitted, "the policy names no service {} whose source is a path; nothing was done",
                escape_line(name, 64));
  const policy::Service& service = found_service->second;
  const auto& remotes = service.remotes;
  if (!remote.empty() && std::find(remotes.begin(), remotes.end(), remote) == remotes.end())
    return fail(Exit::not_permitted, "service.{}.remotes does not have {}; nothing was done", name, escape_line(remote, 64));
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  context.gives_way = true;
  Served served(context);
  std::int64_t adopted = 0;
  std::int64_t left = 0;
  const auto serve = [&](const Case& c) -> Result<> {
    auto all = look(c);
    if (!all) return pass(all.error());
    for (const Found& found : *all) {
      const auto done = adopt_one(c, found);
      if (!done && (done.error().exit != Exit::bad_data || context.session.over())) return pass(done.error());
      ++(done ? adopted : left);
      if (!done)
        context.output.note(fmt::format("{} on {} is not adopted: {}", found.entry.name, c.remote.name, done.error().sentence),
                            true);
    }
    served.add(c.remote.name);
    return {};
  };
  for (const std::string& one : remotes) {
    if (!remote.empty() && one != remote) continue;
    if (auto done = serve({context, service, context.policy.remotes.at(one), *keys}); !done && served.take(done.error()))
      return fail(done.error().exit, "{}; {} were adopted, run it again to go on", done.error().sentence, adopted);
  }
  if (left > 0)
    return fail(Exit::bad_data,
                "{} of {} archives of {} were not adopted (named above): they stay as they are, unverified, and are never "
                "deleted; look at them by hand{}",
                left, left + adopted, name, served.fault() ? ", and run it again: " + served.error().sentence : "");
  if (served.fault()) return pass(served.error());
  return Report{adopted == 0 ? fmt::format("nothing to adopt in {}/archives/ of its remotes", name) : std::string("adopted"),
                {monitor::number_field("archives", adopted)}};
}

}  // namespace backupctl::step
