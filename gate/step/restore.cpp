#include "gate/step/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/state/history.h"
#include "gate/step/helpers.h"
#include "gate/step/restore_bucket.h"
#include "gate/step/restore_in_place.h"
#include "gate/step/restore_postgres.h"
#include "gate/step/restore_redis.h"
#include "gate/step/restore_volumes.h"
#include "gate/step/stored_archive.h"
#include "gate/step/stored_mirror.h"
#include "gate/step/tree.h"

namespace backupctl::step {
namespace {

/// Where the archive goes: opened, empty, and removed again if it was made here and nothing was written.
class Target {
 public:
  static Result<Target> open(const std::string& path) {
    const bool made = ::mkdir(path.c_str(), 0700) == 0;
    UniqueFd fd = open_no_symlinks(path, O_RDONLY | O_DIRECTORY);
    if (!fd)
      return fail_errno(
          Exit::io_error, errno,
          "cannot open the directory {} (the one above must exist, and no link may lead there); nothing was written", path);
    Target target(path, std::move(fd), made);
    if (!made && !is_empty_directory(target.fd_.get()))
      return fail(Exit::unavailable,
                  "{} is not empty, and a restore overwrites nothing: name an empty directory; nothing was written", path);
    return target;
  }
  Target(Target&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::move(other.fd_)), unused_(std::exchange(other.unused_, false)) {}
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

std::vector<std::string> asked(const policy::Service& service, const RestoreWish& wish) {
  return wish.remote.empty() ? service.remotes : std::vector{wish.remote};
}

/// Fetched and verified; kept in a file without a name until it is written.
Result<Backup> obtain_archive(Context& context, const policy::Service& service, const RestoreWish& wish,
                              const std::string& keys) {
  auto stored = find_wished(context, service, wish, keys, wish.to.empty());
  if (!stored) return pass(stored.error());
  auto archive = fetch(context, service, *stored);
  if (!archive) return pass(archive.error());
  if (auto verified = verify(context, *stored, archive->get(), wish.only); !verified) return pass(verified.error());
  const auto file = std::make_shared<UniqueFd>(std::move(*archive));
  return Backup{stored->name,
                stored->remote->name,
                [&context, stored = *stored, file, only = wish.only](int target, const std::string& to) {
                  return extract(context, stored, file->get(), target, to, only);
                },
                0,
                true,
                wish.only.empty() ? stored->manifest.number[3] : 0,
                wish.only.empty() ? stored->manifest.number[4] : 0};
}

Result<Backup> obtain_mirror(Context& context, const policy::Service& service, const RestoreWish& wish,
                             const std::string& keys) {
  auto found = obtain_mirror(context, service, keys, asked(service, wish), wish.to.empty());
  if (!found) return pass(found.error());
  const auto fetched = std::make_shared<FetchedMirror>(std::move(*found));
  const StoredMirror& stored = fetched->stored;
  return Backup{"mirror",
                stored.remote->name,
                [&context, fetched](int target, const std::string& to) {
                  return extract_mirror(context, fetched->stored, fetched->folder.get(), target, to);
                },
                fetched->left_out,
                stored.complete(),
                stored.record.number[3],
                stored.record.number[4]};
}

Result<Report> restore_to(const RestoreWish& wish, const Obtain& obtain) {
  auto target = Target::open(wish.to);
  if (!target) return pass(target.error());
  const auto backup = obtain();
  if (!backup) return pass(backup.error());
  target->keep();
  const auto done = backup->fill(target->fd(), wish.to);
  if (!done) return fail(done.error().exit, "{}; what was written so far is in {}, incomplete", done.error().sentence, wish.to);
  if (backup->left_out > 0)
    return fail(Exit::io_error,
                "restored to {}, but {} files that are not what the mirror's manifest says were left out, and {} owners, "
                "attributes or times could not be "
                "set (named above)",
                wish.to, backup->left_out, done->number[3]);
  if (!backup->complete)
    return fail(Exit::io_error, "restored to {}, but the sync that made the mirror was not complete: files may be missing",
                wish.to);
  if (done->number[3] > 0)
    return fail(Exit::io_error, "restored to {}, but {} owners, attributes or times could not be set (named above)", wish.to,
                done->number[3]);
  Report report{fmt::format("restored to {}", wish.to),
                {monitor::text_field("archive", backup->name), monitor::text_field("from", backup->from)}};
  if (wish.only.empty())
    report.fields.insert(report.fields.end(),
                         {monitor::number_field("members", done->number[1]), monitor::bytes_field("bytes", done->number[2])});
  return report;
}

}  // namespace

Result<StoredArchive> find_wished(Context& context, const policy::Service& service, const RestoreWish& wish,
                                  const std::string& keys, bool in_place) {
  auto stored = find_archive(context, service, wish.date, keys, asked(service, wish));
  if (!stored) return pass(stored.error());
  const auto history = state::read_history(context.state, service.name);
  if (in_place && !wish.date && (!history || (history->newest_committed && *history->newest_committed > stored->date)))
    return fail(Exit::bad_data,
                "the newest archive on the remotes is of {}, and this host committed a newer one, so it does not take the "
                "place of what is there and nothing was done; if it "
                "is to, name its date (--archive {})",
                format_date(stored->date), format_date(stored->date));
  return stored;
}

Result<const policy::Service*> restorable(const Context& context, const std::string& name) {
  const auto found = context.policy.services.find(name);
  if (found == context.policy.services.end())
    return fail(Exit::not_permitted,
                "the policy names no service {} (an extra target has a mirror and no archive, see backupctl-recovery(7)); "
                "nothing was done",
                escape_line(name, 64));
  return &found->second;
}

Result<Report> restore(Context& context, const RestoreWish& wish) {
  const auto service = restorable(context, wish.service);
  if (!service) return pass(service.error());
  const auto& remotes = (*service)->remotes;
  if (!wish.remote.empty() && std::find(remotes.begin(), remotes.end(), wish.remote) == remotes.end())
    return fail(Exit::not_permitted, "service.{}.remotes does not have {}; nothing was done", wish.service,
                escape_line(wish.remote, 64));
  if (auto made = ensure_host_key(context); !made) return pass(made.error());
  const auto keys = config::trusted_keys(context.policy_path, context.policy.gate.state_dir);
  if (!keys) return pass(keys.error());
  if ((*service)->source == policy::SourceKind::volumes) return restore_volumes(context, **service, wish.snapshot, *keys);
  if ((*service)->source == policy::SourceKind::postgres) return restore_postgres(context, **service, wish, *keys);
  if ((*service)->source == policy::SourceKind::bucket && wish.to.empty())
    return restore_bucket(context, **service, wish, *keys);
  if ((*service)->source == policy::SourceKind::redis) return restore_redis(context, **service, wish, *keys);
  const Obtain obtain = [&] {
    return wish.mirror ? obtain_mirror(context, **service, wish, *keys) : obtain_archive(context, **service, wish, *keys);
  };
  return wish.to.empty() ? restore_in_place(context, **service, wish, obtain) : restore_to(wish, obtain);
}

}  // namespace backupctl::step
