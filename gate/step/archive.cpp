#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/state/kept.h"
#include "gate/step/commit.h"
#include "gate/step/dump_postgres.h"
#include "gate/step/dump_redis.h"
#include "gate/step/helpers.h"
#include "gate/step/in_place.h"
#include "gate/step/read_tree.h"
#include "gate/step/retention.h"
#include "gate/step/served.h"
#include "gate/step/source.h"
#include "gate/step/step.h"
#include "policy/retention.h"
#include "policy/shrink.h"

namespace backupctl::step {
namespace {

struct Lacking {
  const policy::Remote* remote;
  Presence presence;
};

/// What a remote holds under the name of today's archive.
Result<Presence> look_at(Context& context, const policy::Remote& remote, const std::string& service, const std::string& name,
                         const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto presence = look_for(*files, service, name, keys);
  if (!presence) return pass(presence.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return presence;
}

/// The smallest archive that counts (policy.md, guard.min_size).
Result<> check_size(const policy::Service& service, std::int64_t bytes) {
  if (bytes >= 0 && static_cast<std::uint64_t>(bytes) >= service.guard.min_size) return {};
  return fail(Exit::bad_data,
              "the archive has {} bytes, fewer than guard.min_size allows: nothing was sent and nothing was deleted", bytes);
}

/// What an archive of this service must have at least beside the newest that lie on a remote already, in bytes.
std::uint64_t least_believed(const policy::Service& service, const std::vector<Entry>& entries, CivilDate today) {
  std::map<CivilDate, std::uint64_t, std::greater<>> sizes;  // newest first
  for (const Entry& entry : entries) {
    const auto name = policy::parse_archive_name(entry.name);
    if (!entry.directory && name && name->service == service.name && name->date < today && entry.size >= 0)
      sizes.emplace(name->date, static_cast<std::uint64_t>(entry.size));
  }
  std::vector<std::uint64_t> newest;
  for (const auto& [date, size] : sizes)
    if (newest.size() < policy::predecessors_compared) newest.push_back(size);
  return policy::least_size(service.guard.max_shrink, std::move(newest));
}

/// The sentence for an archive that is kept apart because it is so small.
Error suspicious(const policy::Service& service, std::int64_t bytes, std::uint64_t least, const std::string& kept_as) {
  return {
      Exit::bad_data,
      fmt::format("suspicious: {} is kept apart, since its {} bytes are fewer than the {} that guard.max_shrink leaves of its "
                  "predecessors; nothing was "
                  "deleted; look at the service's data, and if it is right, run on the host: {} --replace",
                  kept_as, bytes, least, archive_command(service))};
}

/// The sentence for a run that is not complete (D2).
Error incomplete(const TreeRead& read, const std::string& kept_as) {
  return {Exit::io_error, fmt::format("incomplete: {} of {} members could not be read as they are ({}); what could be read is "
                                      "kept as {}, and is not counted as a backup",
                                      read.faults, read.members, read.first_fault, kept_as)};
}

/// Of a server that a restore fills just now, or that one which was broken off left with a part, there is no good copy (D1).
Result<state::Lock> keep_restores_out(Context& context, const policy::Service& service) {
  auto lock = hold_restore(context, service.name);
  if (!lock) return lock;
  const auto kept = state::open_kept(context.state, service.name);
  if (!kept) return pass(kept.error());
  if (kept->has_value() && !(*kept)->concluded)
    return fail(Exit::unavailable,
                "a restore of {} was broken off, so what the server holds may be a part, and nothing was sent: say the same "
                "--restore again, or --restore-rollback {}",
                service.name, service.name);
  return lock;
}

/// The file `archive` in the spool, of whatever kind the service is.
Result<TreeRead> make_archive(Context& context, const policy::Service& service, const Source& source, state::Spool& spool) {
  if (service.source != policy::SourceKind::tree) {
    const auto lock = keep_restores_out(context, service);
    if (!lock) return pass(lock.error());
    return (service.source == policy::SourceKind::postgres ? dump_postgres : dump_redis)(context, service, spool);
  }
  context.output.step("reading and compressing the tree");
  return read_tree(context, service, source.path, source.excludes(service.exclude), source.tree.get(), source.databases.files(),
                   spool);
}

}  // namespace

Result<Report> archive(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const auto today = date_in_zone(::time(nullptr), context.policy.gate.timezone);  // pinned here (rule 2)
  if (auto right = check_clock(context, service.name, *today); !right) return pass(right.error());
  const std::string name = fmt::format("{}-{}.{}", service.name, format_date(*today), policy::archive_ending(service));
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  auto source = open_source(context, service);
  if (!source) return pass(source.error());
  Served served(context);
  // Where it lies already with a good manifest there is nothing to do (rule 8).
  std::vector<Lacking> lacking;
  for (const policy::Remote* remote : plan.remotes) {
    auto presence = look_at(context, *remote, service.name, name, *keys);
    if (!presence) {
      if (served.take(presence.error())) return pass(presence.error());
    } else if (presence->committed && !context.replace) {
      // A host whose state was lost made it, and does not know: --check would ask for what is there.
      const std::int64_t bytes = find(presence->entries, name)->size;
      if (presence->created > 0)
        if (auto noted = note_committed(context, service, remote->name, *today, bytes, presence->created); !noted)
          return pass(noted.error());
      served.add(remote->name);
    } else {
      lacking.push_back({remote, std::move(*presence)});
    }
  }
  if (lacking.empty() && served.fault()) return pass(served.error());
  if (lacking.empty())
    return Report{fmt::format("skipped: {} is there already, with a valid manifest", name), {}, Exit::skipped};

  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  auto read = make_archive(context, service, *source, *spool);
  if (!read) return pass(read.error());
  if (auto still = source->still(context); !still) return pass(still.error());
  add_snapshot(*read, *source);
  if (auto good = check_size(service, read->archive_bytes); !good) return pass(good.error());
  const bool complete = read->faults == 0;
  std::uint64_t least = 0;
  for (const Lacking& lack : lacking) least = std::max(least, least_believed(service, lack.presence.entries, *today));
  // The operator who replaces has looked at it.
  const bool believed = context.replace || static_cast<std::uint64_t>(read->archive_bytes) >= least;
  const bool counts = complete && believed;
  const std::string final_name = name + std::string(!complete ? incomplete_ending : !believed ? suspicious_ending : "");
  auto manifest = write_manifest(context, service, *today, final_name, *read, *spool, *keys);
  if (!manifest) return pass(manifest.error());

  std::vector<monitor::Field> fields = {monitor::text_field("archive", final_name),
                                        monitor::bytes_field("size", read->archive_bytes)};
  if (read->source_bytes > 0) fields.push_back(monitor::bytes_field("source", read->source_bytes));
  fields.push_back(monitor::number_field("members", read->members));
  std::int64_t deleted = 0;
  const auto serve = [&](Lacking& lack) -> Result<> {
    auto files = RemoteFiles::open(context, *lack.remote);
    if (!files) return pass(files.error());
    // An archive that does not count has a name of its own, which may be there from an earlier run of the day.
    const bool old_manifest = find(lack.presence.entries, final_name + std::string(manifest_ending)) != nullptr;
    if (auto committed =
            commit(context, *files, service.name, final_name, old_manifest, *read, *spool, &lack == &lacking.back());
        !committed)
      return committed;
    served.add(lack.remote->name);
    if (counts) {
      if (auto noted = note_committed(context, service, lack.remote->name, *today, read->archive_bytes); !noted) return noted;
      // Only after this run's upload has been verified there (rule 7).
      auto pruned = prune(context, *files, plan, *today, *keys, std::move(lack.presence.entries), final_name);
      if (!pruned) return pass(pruned.error());
      deleted += *pruned;
    }
    return files->close();
  };
  for (Lacking& lack : lacking)
    if (auto done = serve(lack); !done && served.take(done.error())) return pass(done.error());
  if (!counts && served.fault()) context.output.note(served.error().sentence, true);
  if (!complete) return pass(incomplete(*read, final_name));
  if (!believed) return pass(suspicious(service, read->archive_bytes, least, final_name));
  if (served.fault()) return pass(served.error());
  fields.push_back(monitor::number_field("deleted", deleted));
  return Report{"committed", fields};
}

}  // namespace backupctl::step
