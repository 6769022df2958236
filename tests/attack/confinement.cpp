// Runs every attempt inside every role's real cage, and unconfined as a control that shows that the attempt is real (X3).
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "common/io.h"
#include "gate/monitor/job.h"
#include "gate/sandbox/helper.h"
#include "gate/sandbox/mount.h"
#include "tests/attack/attempts.h"

namespace {

using namespace backupctl;
using sandbox::RoleName;

constexpr uid_t worker = 1878982656 + 200;
const std::string base = attack::arena;

/// What a role is allowed on purpose; everything else must be denied.
bool is_allowed(RoleName role, std::string_view attempt) {
  const bool reads = role == RoleName::reader || role == RoleName::transfer || role == RoleName::copier;
  if (attempt == "read-own-tree") return reads;
  if (role == RoleName::transfer || role == RoleName::dumper) return attempt == "inet-socket" || attempt == "map-executable";
  if (role == RoleName::local_dumper || role == RoleName::loader) return attempt == "map-executable";
  if (role == RoleName::prober) return attempt == "inet-socket";
  return false;
}

int run_inside(std::span<const std::string> args) {
  for (std::size_t i = 0; i < attack::attempt_count; ++i)
    if (args[0] == attack::attempts[i].name) return attack::attempts[i].gets_through() ? 0 : 1;
  return 2;
}

/// Something to find for each attempt, kept alive as long as the driver runs.
UniqueFd listen_on(const char* name, std::size_t size) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name, size);
  ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  ::listen(fd.get(), 64);
  return fd;
}

void make_arena(const std::string& probe) {
  std::filesystem::remove_all(base);
  std::filesystem::create_directories(base + "/tree");
  std::filesystem::create_directories(base + "/target");
  std::ofstream(base + "/secret") << "secret";
  ::chmod((base + "/secret").c_str(), 0644);  // even what every user may read must be out of reach
  std::ofstream(base + "/tree/of-another-user") << "private";
  ::chmod((base + "/tree/of-another-user").c_str(), 0600);
  if (::chown((base + "/tree/of-another-user").c_str(), 1234, 1234) != 0) fmt::print("# cannot chown\n");
  std::filesystem::create_symlink(base + "/secret", base + "/tree/link-out");
  std::filesystem::copy_file(probe, base + "/tree/program");
  ::chmod((base + "/tree/program").c_str(), 0755);
}

int control(const std::string& probe, const char* attempt) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    ::execl(probe.c_str(), "probe", attempt, nullptr);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// Builds the role's cage as the gate does and makes one attempt in it. @return what happened, in words; "allowed" is one.
std::string attempt_in(RoleName name, const std::string& probe, const char* attempt) {
  const sandbox::Role& row = sandbox::role(name);
  monitor::Spawn spawn;
  spawn.cage.role = name;
  spawn.cage.uid = worker + static_cast<uid_t>(name);
  UniqueFd userns;
  std::vector<UniqueFd> mounts;
  const auto bind = [&](const std::string& path, const std::string& target, sandbox::MountOptions options, bool directory) {
    UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    auto mount = sandbox::detach(fd.get(), path, options);
    if (!mount) return;
    spawn.cage.binds.push_back({mount->get(), target, options.writable, directory, options.executable});
    mounts.push_back(std::move(*mount));
  };
  if (row.tree != sandbox::TreeAccess::none) {
    auto ns = sandbox::worker_namespace(spawn.cage.uid);
    if (!ns) return ns.error().sentence;
    userns = std::move(*ns);
    spawn.cage.userns = userns.get();
  }
  if (row.tree == sandbox::TreeAccess::read_any) bind(base + "/tree", "/source", {.idmap = userns.get()}, true);
  if (row.tree == sandbox::TreeAccess::write_any)
    bind(base + "/target", "/target", {.writable = true, .idmap = userns.get()}, true);
  if (row.runs_program) {
    bind(probe, probe, {.executable = true}, false);
    spawn.program = probe;
    spawn.argv = {"probe", attempt};
  } else {
    spawn.program = "/proc/self/exe";
    spawn.argv = {"confinement", std::string(row.word), attempt};
  }
  auto child = monitor::spawn(spawn);
  if (!child) return child.error().sentence;
  monitor::Output output(false, "attack");
  monitor::Session session(output, std::chrono::seconds(20), false);
  monitor::Job job(session);
  const std::size_t index = job.add(std::move(*child));
  const auto done = job.run();
  if (!done) return done.error().sentence;
  const int status = job.ending(index).status;
  return status == 0 ? "allowed" : status == 1 ? "denied" : fmt::format("ended with {}", status);
}

}  // namespace

int main(int argc, char** argv) {
  // Started as a helper program: argv[1] is the cage, argv[2] the role.
  if (argc == 4)
    for (const sandbox::Role& row : sandbox::role_table())
      if (row.word == argv[2]) {
        char* inner[] = {argv[0], argv[1], argv[3], nullptr};
        return sandbox::helper_main(row.name, 3, inner, run_inside);
      }
  if (::getuid() != 0) {
    fmt::print("1..0 # skip needs root\n");
    return 77;
  }
  const std::string self = std::filesystem::canonical("/proc/self/exe").string();
  const std::string probe = self.substr(0, self.rfind('/')) + "/probe";
  make_arena(probe);
  const std::string path = base + "/tree/socket";
  const UniqueFd socket = listen_on(path.c_str(), path.size() + 1);
  ::chmod(path.c_str(), 0777);
  constexpr char name[] = "\0backupctl-attack";
  const UniqueFd abstract = listen_on(name, sizeof name - 1);
  int failed = 0;
  const auto check = [&](bool good, const std::string& what) {
    fmt::print("{} {}\n", good ? "ok" : "not ok", what);
    failed += good ? 0 : 1;
  };
  std::map<std::string_view, int> named;  // attempts of a role whose system call was told by name
  for (std::size_t i = 0; i < attack::attempt_count; ++i) {
    const char* attempt = attack::attempts[i].name;
    check(control(probe, attempt) == 0, fmt::format("control: {} gets through unconfined", attempt));
    for (const sandbox::Role& row : sandbox::role_table()) {
      if (!row.confined) continue;
      const std::string outcome = attempt_in(row.name, probe, attempt);
      const bool allowed = is_allowed(row.name, attempt);
      named[row.word] += outcome.find("tried the system call") != std::string::npos ? 1 : 0;
      check((outcome == "allowed") == allowed && outcome.find("cannot ") == std::string::npos,
            fmt::format("{}: {} is {} ({})", row.word, attempt, allowed ? "allowed" : "denied", outcome));
    }
  }
  for (const sandbox::Role& row : sandbox::role_table())
    if (row.confined && !row.runs_program)
      check(named[row.word] > 0, fmt::format("{}: a violation names its system call", row.word));
  std::filesystem::remove_all(base);
  return failed == 0 ? 0 : 1;
}
