#include "gate/step/stored_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "common/room.h"
#include "gate/state/history.h"
#include "gate/step/commit.h"
#include "gate/step/extraction.h"
#include "gate/step/served.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

/// What is done about an archive whose manifest is not good.
enum class Doubtful { pass_over, is_an_error };

/// The newest archive (of the wished date) on one remote that has a good manifest.
Result<std::optional<StoredArchive>> find_on(Context& context, RemoteFiles& files, const policy::Service& service,
                                             const std::optional<CivilDate>& date, const std::string& keys, Doubtful doubtful) {
  auto entries = files.list(files.layout().archives(service.name));
  if (!entries) return pass(entries.error());
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) { return a.name > b.name; });
  std::set<std::string_view> there;
  for (const Entry& entry : *entries) there.insert(entry.name);
  for (const Entry& entry : *entries) {
    const auto name = policy::parse_archive_name(entry.name);
    if (entry.directory || !name || name->service != service.name || !policy::is_of_kind(service, *name) ||
        (date && name->date != *date))
      continue;
    const std::string beside = entry.name + std::string(manifest_ending);
    if (!there.contains(beside)) {
      context.output.note(fmt::format("{} on {} is passed over: it has no manifest", entry.name, files.remote().name), true);
      continue;
    }
    std::optional<FileDigest> globals;
    const auto manifest = files.check_manifest(files.layout().archive(service.name, beside), service.name, entry.name, keys,
                                               [&](const Record& record) {
                                                 if (record.kind != Record::Kind::entry) return false;
                                                 if (record.view() == globals_name)
                                                   globals = FileDigest{record.number[0], record.digest};
                                                 return true;
                                               });
    // Only what is wrong with the archive itself leads to an older one; a remote that fails must not (X6).
    if (!manifest && manifest.error().exit != Exit::bad_data) return pass(manifest.error());
    if (manifest && manifest->number[2] == 1 && manifest->number[0] == entry.size)
      return std::optional(StoredArchive{&files.remote(), entry.name, name->date, *manifest, globals});
    const std::string why = !manifest                  ? manifest.error().sentence
                            : manifest->number[2] != 1 ? "its manifest does not call it complete"
                                                       : fmt::format("it has {} bytes, and its signed manifest says {}",
                                                                     entry.size, manifest->number[0]);
    if (doubtful == Doubtful::is_an_error)
      return fail(Exit::bad_data,
                  "{} on {} does not verify: {}; a restore passes it over and takes an older one; find out who wrote there, "
                  "and make it anew "
                  "on the host: {} --replace",
                  entry.name, files.remote().name, why, archive_command(service));
    context.output.note(fmt::format("{} on {} is passed over: {}", entry.name, files.remote().name, why), true);
  }
  return std::optional<StoredArchive>{};
}

/// @param args  what it must be; @param target  -1: verify only
Result<Record> run_extractor(Context& context, const std::string& name, std::vector<std::string> args, int archive, int target,
                             const std::string& to, const std::vector<std::string>& only = {}) {
  if (::lseek(archive, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the fetched archive");
  args.insert(args.end(), {"--format", name.ends_with(".tar.zst") ? "tar.zst" : "tar.gz"});
  for (const std::string& path : only) args.insert(args.end(), {"--only", "data/" + path});
  return run_extractor(context, {.args = std::move(args), .in = archive, .target = target, .to = to});
}

/// What the manifest says.
std::vector<std::string> announced(const StoredArchive& stored) {
  return {"--members", std::to_string(stored.manifest.number[3]), "--content-bytes", std::to_string(stored.manifest.number[4])};
}

}  // namespace

Result<Record> test(Context& context, const std::string& name, int archive) {
  context.output.step(fmt::format("testing every byte and member of {}", name));
  return run_extractor(context, name, {"--root", "data"}, archive, -1, "");
}

Result<StoredArchive> find_archive(Context& context, const policy::Service& service, const std::optional<CivilDate>& date,
                                   const std::string& keys, const std::vector<std::string>& remotes) {
  std::optional<StoredArchive> best;
  const auto asked = ask_remotes(context, remotes, [&](RemoteFiles& files) -> Result<bool> {
    auto found = find_on(context, files, service, date, keys, Doubtful::pass_over);
    if (!found) return pass(found.error());
    if (found->has_value() && (!best || (*found)->date > best->date)) best = std::move(**found);
    return best.has_value();
  });
  if (!asked) return pass(asked.error());
  if (!best)
    return fail(
        Exit::bad_data,
        "there is no verified archive of {}{} on its remotes; nothing was written (backupctl --list {} shows what is there)",
        service.name, date ? " of " + format_date(*date) : "", service.name);
  // X6: a remote that hides the newest archives, or gives old ones back, is noticed by what this host remembers.
  const auto history = state::read_history(context.state, service.name);
  if (!date && history && history->newest_committed && *history->newest_committed > best->date)
    context.output.note(
        fmt::format(
            "this host committed an archive of {}, but the newest on the remotes is of {}: somebody removed or hid backups",
            format_date(*history->newest_committed), format_date(best->date)),
        true);
  return std::move(*best);
}

Result<StoredArchive> newest_on(Context& context, RemoteFiles& files, const policy::Service& service, const std::string& keys) {
  auto found = find_on(context, files, service, {}, keys, Doubtful::is_an_error);
  if (!found) return pass(found.error());
  if (!*found)
    return fail(Exit::bad_data,
                "there is no archive of {} with a manifest on {}, so nothing could be restored from there; make one: {}",
                service.name, files.remote().name, archive_command(service));
  return std::move(**found);
}

Result<UniqueFd> fetch(Context& context, const policy::Service& service, const StoredArchive& stored) {
  const std::string spool = context.state.at("spool");
  const std::int64_t size = stored.manifest.number[0];
  if (free_bytes(spool) < size)
    return fail(Exit::io_error, "the archive needs {} in {}, and there is not that much room; nothing was written",
                monitor::human_bytes(size), spool);
  UniqueFd file(::open(spool.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return fail_errno(Exit::io_error, errno, "cannot make a file in {}", spool);
  auto files = RemoteFiles::open(context, *stored.remote);
  if (!files) return pass(files.error());
  context.output.step(fmt::format("fetching {} from {}", stored.name, stored.remote->name));
  if (auto fetched = files->fetch(files->layout().archive(service.name, stored.name), file.get(), size); !fetched)
    return pass(fetched.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return file;
}

Result<> verify(Context& context, const StoredArchive& stored, int archive, const std::vector<std::string>& only) {
  context.output.step("verifying every byte and member");
  const auto read = run_extractor(context, stored.name, announced(stored), archive, -1, "", only);
  if (!read) return pass(read.error());
  if (read->number[0] == stored.manifest.number[0] && read->digest == stored.manifest.digest) return {};
  return fail(Exit::bad_data,
              "{} from {} is not what its signed manifest says (size or SHA-256): nothing was written; try another remote of "
              "it (--remote), or another date",
              stored.name, stored.remote->name);
}

Result<Record> extract(Context& context, const StoredArchive& stored, int archive, int target, const std::string& to,
                       const std::vector<std::string>& only) {
  context.output.step(fmt::format("writing to {}", to));
  auto done = run_extractor(context, stored.name, announced(stored), archive, target, to, only);
  if (!done) return done;
  if (done->digest != stored.manifest.digest)
    return fail(Exit::bad_data, "the archive changed between verifying and writing; do not use what is in {}", to);
  return done;
}

}  // namespace backupctl::step
