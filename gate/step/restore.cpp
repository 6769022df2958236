#include "gate/step/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/escape.h"
#include "common/io.h"
#include "gate/config/policy_file.h"
#include "gate/step/helpers.h"
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

/// From the mirror; the same order: all is verified before anything is written (D6).
Result<Report> restore_mirror(Context& context, const policy::Service& service, const std::string& keys, Target& target, const std::string& to) {
  auto stored = find_mirror(context, service, keys);
  if (!stored) return pass(stored.error());
  auto spool = state::Spool::make(context.state);
  if (!spool) return pass(spool.error());
  const auto mirror = fetch_mirror(context, service, *stored, *spool);
  if (!mirror) return pass(mirror.error());
  const auto left_out = verify_mirror(context, *stored, mirror->get());
  if (!left_out) return pass(left_out.error());
  target.keep();
  const auto done = extract_mirror(context, *stored, mirror->get(), target.fd(), to);
  if (!done) return pass(done.error());
  if (*left_out > 0 || done->number[3] > 0)
    return fail(Exit::io_error, "restored to {}, but {} files that are not what the mirror's manifest says were left out, and {} owners, attributes or times could not be set (named above)",
                to, *left_out, done->number[3]);
  return Report{fmt::format("restored to {}", to),
                {monitor::text_field("archive", "mirror"), monitor::text_field("from", stored->remote->name), monitor::number_field("members", done->number[1]),
                 monitor::bytes_field("bytes", done->number[2])}};
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
  if (wish.mirror) return restore_mirror(context, service, *keys, *target, wish.to);
  auto stored = find_archive(context, service, wish.date, *keys);
  if (!stored) return pass(stored.error());
  auto archive = fetch(context, service, *stored);
  if (!archive) return pass(archive.error());

  if (auto verified = verify(context, *stored, archive->get()); !verified) return pass(verified.error());
  target->keep();
  const auto done = extract(context, *stored, archive->get(), target->fd(), wish.to);
  if (!done) return pass(done.error());
  if (done->number[3] > 0)
    return fail(Exit::io_error, "restored to {}, but {} owners, attributes or times could not be set (named above)", wish.to, done->number[3]);
  return Report{fmt::format("restored to {}", wish.to),
                {monitor::text_field("archive", stored->name), monitor::text_field("from", stored->remote->name), monitor::number_field("members", done->number[1]),
                 monitor::bytes_field("bytes", done->number[2])}};
}

}  // namespace backupctl::step
