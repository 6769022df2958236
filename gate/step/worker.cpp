#include "gate/step/worker.h"

#include <fcntl.h>

#include <cerrno>

#include "common/io.h"
#include "gate/sandbox/mount.h"
#include "gate/state/lock.h"

namespace backupctl::step {
namespace {

constexpr std::uint32_t worker_count = 256;  // policy.md, worker_uids; the last is the parser's

}  // namespace

Result<Worker> Worker::hire(const Context& context, sandbox::RoleName role) {
  Worker worker;
  worker.cage_.role = role;
  for (std::uint32_t i = 0; i + 1 < worker_count && !worker.uid_lock_; ++i) {
    auto lock = state::Lock::try_take(context.state, fmt::format("uid-{}", i));
    if (!lock) return pass(lock.error());
    if (!lock->has_value()) continue;
    worker.uid_lock_ = UniqueFd((*lock)->release());
    worker.cage_.uid = context.policy.gate.worker_uids + i;
  }
  if (!worker.uid_lock_)
    return fail(Exit::unavailable, "all {} worker uids are in use; try again when other steps have ended", worker_count);
  if (sandbox::role(role).tree == sandbox::TreeAccess::none) return worker;
  auto userns = sandbox::worker_namespace(worker.cage_.uid);
  if (!userns) return pass(userns.error());
  worker.userns_ = std::move(*userns);
  worker.cage_.userns = worker.userns_.get();
  return worker;
}

Result<> Worker::add(int fd, const std::string& what, const sandbox::MountOptions& options, sandbox::Bind bind) {
  auto mount = sandbox::detach(fd, what, options);
  if (!mount) return pass(mount.error());
  bind.fd = mount->get();
  bind.writable = options.writable;
  bind.executable = options.executable;
  cage_.binds.push_back(std::move(bind));
  mounts_.push_back(std::move(*mount));
  return {};
}

void Worker::clear() {
  cage_.binds.clear();
  mounts_.clear();
}

Result<> Worker::show_tree(int fd, const std::string& what, const std::string& target, bool writable,
                           const std::vector<Instead>& instead) {
  const std::size_t before = cage_.binds.size();
  const auto show = [&](int idmap) -> Result<> {
    cage_.binds.resize(before);
    mounts_.resize(before);
    auto shown = add(fd, what, {.writable = writable, .idmap = idmap}, {.target = target});
    for (const Instead& file : instead)
      if (shown) shown = add(file.fd, file.path, {.idmap = idmap}, {.target = target + "/" + file.path, .directory = false});
    return shown;
  };
  if (!cage_.host_capabilities && show(userns_.get())) return {};
  // The stated fallback (architecture.md): the file system does not map owners, so the capability must count in the host's own
  // namespace. Private root, Landlock and seccomp still stand; --status and the step say so.
  cage_.host_capabilities = true;
  cage_.userns = -1;
  return show(-1);
}

Result<> Worker::show_directory(const std::string& path, const std::string& target, bool writable) {
  UniqueFd fd = open_no_symlinks(path, O_PATH | O_DIRECTORY);
  if (!fd) return fail_errno(Exit::io_error, errno, "cannot open {}", path);
  return add(fd.get(), path, {.writable = writable}, {.target = target});
}

Result<> Worker::show_as_root(int fd, const std::string& what, const std::string& target, bool writable) {
  auto mapped = sandbox::root_owned_namespace(cage_.uid);
  if (!mapped) return pass(mapped.error());
  if (auto added = add(fd, what, {.writable = writable, .idmap = mapped->get()}, {.target = target}); !added)
    return fail(Exit::bad_config,
                "the file system of {} cannot show root's files to an unprivileged worker (idmapped mounts): "
                "put it on ext4, XFS, btrfs or another that can; nothing was done with it",
                what);
  return {};
}

Result<> Worker::show_file(const std::string& path, bool executable, bool device) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));  // of the host's own system; links there are root's
  if (!fd) return {};
  return add(fd.get(), path, {.writable = device, .executable = executable, .devices = device},
             {.target = path, .directory = false});
}

Result<> Worker::show_libraries(const std::string& path) {
  UniqueFd fd = open_no_symlinks(path, O_PATH | O_DIRECTORY);
  if (!fd) return {};
  // A library's name is a link to the file with its version (ldconfig(8)).
  return add(fd.get(), path, {.executable = true, .follow_symlinks = true}, {.target = path});
}

Result<monitor::Child> start_helper(const Worker& worker, const std::string& program, const std::vector<std::string>& args,
                                    int in, int out, const std::vector<int>& extra) {
  monitor::Spawn spawn;
  spawn.cage = worker.cage();
  spawn.program = monitor::helper_path(program);
  // It is root until it has entered its cage (X7).
  if (auto trusted = open_trusted_program(spawn.program); !trusted) return pass(trusted.error());
  spawn.argv = {program};
  spawn.argv.insert(spawn.argv.end(), args.begin(), args.end());
  spawn.in = in;
  spawn.out = out;
  spawn.extra = extra;
  return monitor::spawn(spawn);
}

}  // namespace backupctl::step
