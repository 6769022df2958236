#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/step/at_rest.h"
#include "gate/step/commit.h"
#include "gate/step/helpers.h"
#include "gate/step/read_tree.h"
#include "gate/step/retention.h"
#include "gate/step/step.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

struct Lacking {
  const policy::Remote* remote;
  bool manifest;   ///< something is there under the name, with a manifest
};

/// The remotes that lack today's archive. Where it lies already with a good manifest there is nothing to do (rule 8).
Result<std::vector<Lacking>> still_lacking(Context& context, const policy::Plan& plan, const std::string& name, const std::string& keys) {
  std::vector<Lacking> lacking;
  for (const policy::Remote* remote : plan.remotes) {
    auto files = RemoteFiles::open(context, *remote);
    if (!files) return pass(files.error());
    auto presence = look_for(*files, plan.service->name, name, keys);
    if (!presence) return pass(presence.error());
    if (!presence->committed || context.replace) lacking.push_back({remote, presence->manifest});
    if (auto closed = files->close(); !closed) return pass(closed.error());
  }
  return lacking;
}

/// The smallest archive that counts (policy.md, guard.min_size).
Result<> check_size(const policy::Service& service, std::int64_t bytes) {
  if (bytes >= 0 && static_cast<std::uint64_t>(bytes) >= service.guard.min_size) return {};
  return fail(Exit::bad_data, "the archive has {} bytes, fewer than guard.min_size allows: nothing was sent and nothing was deleted", bytes);
}

/// The sentence for a run that is not complete (D2).
Error incomplete(const TreeRead& read, const std::string& kept_as) {
  return {Exit::io_error, fmt::format("incomplete: {} of {} members could not be read as they are ({}); what could be read is kept as {}, and is not counted as a backup",
                                      read.faults, read.members, read.first_fault, kept_as)};
}

}  // namespace

Result<Report> archive(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  const auto today = date_in_zone(::time(nullptr), context.policy.gate.timezone);  // pinned here (rule 2)
  const std::string name = fmt::format("{}-{}.{}", service.name, format_date(*today), service.format == policy::ArchiveFormat::tar_gz ? "tar.gz" : "tar.zst");
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  auto tree = open_tree_root(service.path);
  if (!tree) return pass(tree.error());
  auto rest = AtRest::check(context, service);
  if (!rest) return pass(rest.error());
  auto lacking = still_lacking(context, plan, name, *keys);
  if (!lacking) return pass(lacking.error());
  if (lacking->empty()) return Report{fmt::format("skipped: {} is there already and valid", name), {}, Exit::skipped};

  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  context.output.step("reading and compressing the tree");
  auto read = read_tree(context, service, tree->get(), *spool);
  if (!read) return pass(read.error());
  if (auto still = rest->still(context); !still) return pass(still.error());
  if (auto good = check_size(service, read->archive_bytes); !good) return pass(good.error());
  const bool complete = read->faults == 0;
  const std::string final_name = complete ? name : name + std::string(incomplete_ending);
  auto manifest = write_manifest(context, service, *today, final_name, *read, *spool);
  if (!manifest) return pass(manifest.error());

  std::vector<monitor::Field> fields = {monitor::text_field("archive", final_name), monitor::bytes_field("size", read->archive_bytes),
                                        monitor::bytes_field("source", read->source_bytes), monitor::number_field("members", read->members)};
  std::int64_t deleted = 0;
  for (const Lacking& lack : *lacking) {
    auto files = RemoteFiles::open(context, *lack.remote);
    if (!files) return pass(files.error());
    // An incomplete archive has a name of its own, which may be there from an earlier run of the day.
    const bool old_manifest = lack.manifest || !complete;
    if (auto committed = commit(context, *files, service.name, final_name, old_manifest, *read, *spool); !committed) return pass(committed.error());
    if (complete) {
      if (auto noted = note_committed(context, service, *today); !noted) return pass(noted.error());
      // Only after this run's upload has been verified there (rule 7).
      auto pruned = prune(context, *files, plan, *today, *keys);
      if (!pruned) return pass(pruned.error());
      deleted += *pruned;
    }
    if (auto closed = files->close(); !closed) return pass(closed.error());
  }
  if (!complete) return pass(incomplete(*read, final_name));
  fields.push_back(monitor::number_field("deleted", deleted));
  return Report{"committed", fields};
}

}  // namespace backupctl::step
