#include "gate/step/helpers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/io.h"
#include "gate/manifest/signature.h"
#include "gate/state/lock.h"
#include "gate/step/worker.h"

namespace backupctl::step {
namespace {

constexpr auto host_key_wait = std::chrono::seconds(30);  // it takes milliseconds

/// Runs one helper program by itself, to its end.
Result<Record> run_alone(Context& context, sandbox::RoleName role, const std::string& program,
                         const std::vector<std::string>& args, int in, int out, const std::vector<int>& extra,
                         const monitor::Job::OnRecord& on_record) {
  auto worker = Worker::hire(context, role);
  if (!worker) return pass(worker.error());
  auto child = start_helper(*worker, program, args, in, out, extra);
  if (!child) return pass(child.error());
  monitor::Job job(context.session);
  const std::size_t place = job.add(std::move(*child), on_record);
  if (auto done = job.run(); !done) return pass(done.error());
  const monitor::Ending& ending = job.ending(place);
  if (ending.status != 0 || !ending.result)
    return fail(Exit::bug, "the {} ended with {} and without a result", sandbox::role(role).word, ending.status);
  return *ending.result;
}

}  // namespace

Result<UniqueFd> memory_file(const std::string& bytes) {
  UniqueFd fd(::memfd_create("backupctl", MFD_CLOEXEC));
  if (!fd) return fail_errno(Exit::unavailable, errno, "no memory file could be made");
  if (auto written = write_all(fd.get(), bytes); !written) return pass(written.error());
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return fail_errno(Exit::bug, errno, "cannot rewind");
  return fd;
}

Result<Record> run_relay(Context& context, const std::vector<std::string>& args, int in, const std::vector<int>& extra,
                         const monitor::Job::OnRecord& on_record) {
  return run_alone(context, sandbox::RoleName::relay, "backupctl-relay", args, in, -1, extra, on_record);
}

Result<> ensure_host_key(Context& context) {
  const int dir = context.state.fd();
  // An empty one was never a key, and is made anew.
  const auto holds_something = [dir](const char* name) {
    struct stat st {};
    return ::fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
  };
  if (holds_something("host.key")) return {};
  // Of several first requests one makes it: the others would unlink the files that its signer writes to.
  auto lock = state::take_any(
      context.state, {"host-key"}, host_key_wait, context.session,
      "another request has been making the host's signing key for too long, so nothing was done; try again later");
  if (!lock) return pass(lock.error());
  if (holds_something("host.key")) return {};
  const auto make = [&](const char* name, mode_t mode) {
    ::unlinkat(dir, name, 0);
    return open_beneath(dir, name, O_RDWR | O_CREAT | O_EXCL, mode);
  };
  UniqueFd key = make("host.key.tmp", 0600);
  UniqueFd pub = make("host.pub.tmp", 0644);
  if (!key || !pub) return fail_errno(Exit::io_error, errno, "cannot make the host's signing key in {}", context.state.path());
  if (auto made =
          run_alone(context, sandbox::RoleName::signer, "backupctl-signer", {"generate"}, -1, -1, {key.get(), pub.get()}, {});
      !made)
    return pass(made.error());
  // The public key first: a private key whose public key is lost would sign what nobody can check.
  const bool placed = holds_something("host.key.tmp") && holds_something("host.pub.tmp") && ::fchmod(pub.get(), 0644) == 0 &&
                      ::fsync(key.get()) == 0 && ::fsync(pub.get()) == 0 &&
                      ::renameat(dir, "host.pub.tmp", dir, "host.pub") == 0 &&
                      ::renameat(dir, "host.key.tmp", dir, "host.key") == 0 && ::fsync(dir) == 0;
  if (!placed) return fail_errno(Exit::io_error, errno, "cannot store the host's signing key in {}", context.state.path());
  return {};
}

Result<std::string> sign(Context& context, const std::string& signed_json) {
  auto key = open_trusted(context.state.at("host.key"), true);
  if (!key) return pass(key.error());
  auto in = memory_file(signed_json);
  if (!in) return pass(in.error());
  UniqueFd out(::memfd_create("signature", MFD_CLOEXEC));
  if (!out) return fail_errno(Exit::unavailable, errno, "no memory file could be made");
  if (auto done =
          run_alone(context, sandbox::RoleName::signer, "backupctl-signer", {"sign"}, in->get(), out.get(), {key->get()}, {});
      !done)
    return pass(done.error());
  if (::lseek(out.get(), 0, SEEK_SET) != 0) return fail_errno(Exit::bug, errno, "cannot rewind");
  return read_all(out.get(), manifest::signature_line_size);
}

}  // namespace backupctl::step
