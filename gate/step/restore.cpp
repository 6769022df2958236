#include "gate/step/restore.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/sandbox/helper.h"
#include "gate/state/history.h"
#include "gate/step/commit.h"
#include "gate/step/helpers.h"
#include "gate/step/tree.h"
#include "policy/retention.h"

namespace backupctl::step {
namespace {

/// An archive on a remote whose manifest is good.
struct Found {
  const policy::Remote* remote = nullptr;
  std::string name;
  CivilDate date;
  Record manifest;   ///< the relay's result for it
};

/// Where the archive goes: opened, empty, and removed again if it was made here and nothing was written.
class Target {
 public:
  static Result<Target> open(const std::string& path) {
    const bool made = ::mkdir(path.c_str(), 0700) == 0;
    UniqueFd fd = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
    if (!fd)
      return fail_errno(Exit::io_error, errno, "cannot open the directory {} (the one above must exist, and no link may lead there); nothing was written", path);
    Target target(path, std::move(fd), made);
    if (!made && !is_empty_directory(target.fd_.get()))
      return fail(Exit::unavailable, "{} is not empty, and a restore overwrites nothing: name an empty directory; nothing was written", path);
    return target;
  }
  Target(Target&& other) noexcept : path_(std::move(other.path_)), fd_(std::move(other.fd_)), unused_(std::exchange(other.unused_, false)) {}
  Target& operator=(Target&&) = delete;
  ~Target() {
    if (unused_) ::rmdir(path_.c_str());
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void keep() { unused_ = false; }

 private:
  Target(std::string path, UniqueFd fd, bool unused) : path_(std::move(path)), fd_(std::move(fd)), unused_(unused) {}
  std::string path_;
  UniqueFd fd_;
  bool unused_;
};

/// The newest archive (of the wished date) on one remote that has a good manifest.
Result<std::optional<Found>> find_on(Context& context, RemoteFiles& files, const RestoreWish& wish, const std::string& keys) {
  auto entries = files.list(files.layout().archives(wish.service));
  if (!entries) return pass(entries.error());
  std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) { return a.name > b.name; });
  std::set<std::string_view> there;
  for (const Entry& entry : *entries) there.insert(entry.name);
  for (const Entry& entry : *entries) {
    const auto name = policy::parse_archive_name(entry.name);
    if (entry.directory || !name || name->service != wish.service || (wish.date && name->date != *wish.date)) continue;
    const std::string beside = entry.name + std::string(manifest_ending);
    if (!there.contains(beside)) {
      context.output.note(fmt::format("{} on {} is passed over: it has no manifest", entry.name, files.remote().name), true);
      continue;
    }
    const auto manifest = files.check_manifest(files.layout().archive(wish.service, beside), wish.service, entry.name, keys);
    // Only what is wrong with the archive itself leads to an older one; a remote that fails must not (X6).
    if (!manifest && manifest.error().exit != Exit::bad_data) return pass(manifest.error());
    if (manifest && manifest->number[2] == 1 && manifest->number[0] == entry.size)
      return std::optional(Found{&files.remote(), entry.name, name->date, *manifest});
    context.output.note(fmt::format("{} on {} is passed over: {}", entry.name, files.remote().name,
                                    manifest ? "its size is not what its manifest says" : manifest.error().sentence), true);
  }
  return std::optional<Found>{};
}

/// The newest of all remotes; of equals the one that the policy names first.
Result<Found> find_archive(Context& context, const policy::Service& service, const RestoreWish& wish, const std::string& keys) {
  std::optional<Found> best;
  for (const std::string& name : service.remotes) {
    auto files = RemoteFiles::open(context, context.policy.remotes.at(name));
    if (!files) return pass(files.error());
    auto found = find_on(context, *files, wish, keys);
    if (!found) return pass(found.error());
    if (found->has_value() && (!best || (*found)->date > best->date)) best = std::move(**found);
    if (auto closed = files->close(); !closed) return pass(closed.error());
  }
  if (!best)
    return fail(Exit::bad_data, "there is no verified archive of {}{} on its remotes; nothing was written (backupctl --list {} shows what is there)",
                wish.service, wish.date ? " of " + format_date(*wish.date) : "", wish.service);
  // X6: a remote that hides the newest archives, or gives old ones back, is noticed by what this host remembers.
  const auto history = state::read_history(context.state, wish.service);
  if (!wish.date && history && history->newest_committed && *history->newest_committed > best->date)
    context.output.note(fmt::format("this host committed an archive of {}, but the newest on the remotes is of {}: somebody removed or hid backups",
                                    format_date(*history->newest_committed), format_date(best->date)), true);
  return std::move(*best);
}

/// Into a file without a name, which no transfer can write any more: what is verified is what is extracted.
Result<UniqueFd> fetch(Context& context, const policy::Service& service, const Found& found) {
  const std::string spool = context.state.at("spool");
  const std::int64_t size = found.manifest.number[0];
  struct statvfs space{};
  if (::statvfs(spool.c_str(), &space) == 0 && static_cast<std::int64_t>(space.f_bavail * space.f_frsize) < size)
    return fail(Exit::io_error, "the archive needs {} in {}, and there is not that much room; nothing was written", monitor::human_bytes(size), spool);
  UniqueFd file(::open(spool.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return fail_errno(Exit::io_error, errno, "cannot make a file in {}", spool);
  auto files = RemoteFiles::open(context, *found.remote);
  if (!files) return pass(files.error());
  context.output.step(fmt::format("fetching {} from {}", found.name, found.remote->name));
  if (auto fetched = files->fetch(files->layout().archive(service.name, found.name), file.get(), size); !fetched) return pass(fetched.error());
  if (auto closed = files->close(); !closed) return pass(closed.error());
  return file;
}

/// Runs the extractor over the archive. @param target  -1: verify only
Result<Record> extract(Context& context, const Found& found, int archive, int target, const std::string& to) {
  if (::lseek(archive, 0, SEEK_SET) != 0) return fail_errno(Exit::io_error, errno, "cannot read the fetched archive");
  auto worker = Worker::hire(context, sandbox::RoleName::extractor);
  if (!worker) return pass(worker.error());
  std::vector<std::string> args = {"--format", found.name.ends_with(".tar.zst") ? "tar.zst" : "tar.gz", "--members", std::to_string(found.manifest.number[3]),
                                   "--content-bytes", std::to_string(found.manifest.number[4])};
  if (target < 0) args.emplace_back("--verify-only");
  if (target >= 0)
    if (auto shown = worker->show_tree(target, to, sandbox::target_dir, true); !shown) return pass(shown.error());
  auto child = start_helper(*worker, "backupctl-extractor", args, archive, -1);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child), [&](const Record& record) {
    if (record.kind != Record::Kind::not_read) return false;
    context.output.note(fmt::format("not restored: {}", escape_line(record.view(), 512)), true);
    return true;
  });
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result) return fail(Exit::bug, "the extractor ended with {} and without a result", ending.status);
  return *ending.result;
}

}  // namespace

Result<Report> restore(Context& context, const RestoreWish& wish) {
  const auto found_service = context.policy.services.find(wish.service);
  if (found_service == context.policy.services.end()) return fail(Exit::not_permitted, "the policy names no service {} (an extra target has a mirror and no archive, see backupctl-recovery(7)); nothing was done", escape_line(wish.service, 64));
  const policy::Service& service = found_service->second;
  if (service.source != policy::SourceKind::tree) return fail(Exit::not_permitted, "this version of backupctl cannot restore this kind of source");
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  auto target = Target::open(wish.to);
  if (!target) return pass(target.error());
  auto found = find_archive(context, service, wish, *keys);
  if (!found) return pass(found.error());
  auto archive = fetch(context, service, *found);
  if (!archive) return pass(archive.error());

  context.output.step("verifying every byte and member");
  const auto verified = extract(context, *found, archive->get(), -1, wish.to);
  if (!verified) return pass(verified.error());
  if (verified->number[0] != found->manifest.number[0] || verified->digest != found->manifest.digest)
    return fail(Exit::bad_data, "{} from {} is not what its signed manifest says (size or SHA-256): nothing was written; try another date or remote", found->name,
                found->remote->name);
  context.output.step(fmt::format("writing to {}", wish.to));
  target->keep();
  const auto done = extract(context, *found, archive->get(), target->fd(), wish.to);
  if (!done) return fail(done.error().exit, "{}; what was written so far is in {}, incomplete", done.error().sentence, wish.to);
  if (done->digest != found->manifest.digest) return fail(Exit::bad_data, "the archive changed between verifying and writing; do not use what is in {}", wish.to);
  if (done->number[3] > 0)
    return fail(Exit::io_error, "restored to {}, but {} owners, attributes or times could not be set (named above)", wish.to, done->number[3]);
  return Report{fmt::format("restored to {}", wish.to),
                {monitor::text_field("archive", found->name), monitor::text_field("from", found->remote->name), monitor::number_field("members", done->number[1]),
                 monitor::bytes_field("bytes", done->number[2])}};
}

}  // namespace backupctl::step
