#include <fmt/ranges.h>

#include "gate/config/policy_file.h"
#include "gate/state/history.h"
#include "gate/step/commit.h"
#include "gate/step/helpers.h"
#include "gate/step/remote_files.h"
#include "gate/step/served.h"
#include "gate/step/step.h"
#include "gate/step/stored_archive.h"

namespace backupctl::step {
namespace {

/// The newest archive of one remote against its manifest, and its content against both (X6).
Result<StoredArchive> verify_on(Context& context, const policy::Remote& remote, const policy::Service& service,
                                const std::string& keys) {
  auto files = RemoteFiles::open(context, remote);
  if (!files) return pass(files.error());
  auto stored = newest_on(context, *files, service, keys);
  if (!stored) return stored;
  context.output.step(fmt::format("verifying {} on {}", stored->name, remote.name));
  const auto there = files->examine(service.name, stored->name);
  if (!there) return pass(there.error());
  if (there->first != stored->manifest.number[0] || there->second != stored->manifest.digest)
    return fail(
        Exit::bad_data,
        "{} on {} does not verify: its content is not what its signed manifest says (size or SHA-256), so it was damaged or "
        "exchanged there "
        "and cannot be restored; find out who wrote there, and make it anew on the host: {} --replace",
        stored->name, remote.name, archive_command(service));
  if (stored->globals) {
    const std::string name = stored->name + std::string(globals_ending);
    const auto entries = files->list(files->layout().archives(service.name));
    if (!entries) return pass(entries.error());
    Result<std::pair<std::int64_t, Digest>> roles;
    if (find(*entries, name) != nullptr) roles = files->examine(service.name, name);
    if (!roles) return pass(roles.error());
    if (roles->first != stored->globals->size || roles->second != stored->globals->digest)
      return fail(Exit::bad_data,
                  "{} on {} does not verify: it is gone, or not what the dump's signed manifest says (size or SHA-256), so the "
                  "roles cannot be restored; make the backup anew on the host: {} --replace",
                  name, remote.name, archive_command(service));
  }
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return stored;
}

}  // namespace

Result<Report> verify_stored(Context& context, const policy::Plan& plan) {
  const policy::Service& service = *plan.service;
  if (service.source == policy::SourceKind::volumes) return verify_snapshot(context, plan);
  if (service.source == policy::SourceKind::bucket) return verify_bucket(context, plan);
  context.gives_way = true;
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  std::optional<StoredArchive> newest;
  std::vector<std::string> good;
  Served served(context);
  for (const policy::Remote* remote : plan.remotes) {
    auto stored = verify_on(context, *remote, service, *keys);
    if (!stored) {
      if (served.take(stored.error()))
        return fail(stored.error().exit, "{}; nothing was changed, verify again when no step runs", stored.error().sentence);
      continue;
    }
    served.add(remote->name);
    good.push_back(remote->name);
    if (newest && newest->date != stored->date)
      context.output.note(fmt::format("the newest archive on {} is of {}, and that on {} of {}", remote->name,
                                      format_date(stored->date), newest->remote->name, format_date(newest->date)),
                          true);
    if (!newest || stored->date > newest->date) newest = std::move(*stored);
  }
  if (served.fault()) return pass(served.error());
  // X6: a remote that hides the newest archives, or gives old ones back, is noticed by what this host remembers.
  const auto history = state::read_history(context.state, service.name);
  if (!history) return pass(history.error());
  if (history->newest_committed && *history->newest_committed > newest->date) {
    const std::string missing = fmt::format("this host committed an archive of {} of {}, but the newest that was found is {}",
                                            service.name, format_date(*history->newest_committed), newest->name);
    // Of one remote alone nothing is known: it may have been down that night.
    if (plan.remotes.size() == service.remotes.size())
      return fail(Exit::bad_data,
                  "{}: somebody removed or hid backups; look at who can write to {}, and make an archive anew: {}", missing,
                  fmt::join(good, " and "), archive_command(service));
    context.output.note(missing, true);
  }
  return Report{"verified",
                {monitor::text_field("archive", newest->name), monitor::bytes_field("size", newest->manifest.number[0]),
                 monitor::text_field("remotes", fmt::format("{}", fmt::join(good, ",")))}};
}

}  // namespace backupctl::step
