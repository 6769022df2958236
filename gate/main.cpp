// The gate's entry: hygiene first, then either one request over SSH or the operator's command line.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/request.h"
#include "gate/config/policy_file.h"
#include "gate/monitor/child.h"
#include "gate/operator/operator.h"
#include "gate/request/serve.h"

namespace {

using namespace backupctl;

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

/// Nothing of the caller's reaches what is done here: standard descriptors open, all others closed, no environment, a known
/// umask, no core dumps (they would hold credentials; X10).
bool clean_up() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return false;
  ::close_range(3, ~0U, 0);
  ::clearenv();
  ::umask(077);
  // 1, not 0, which a piped core_pattern ignores (core(5)). The hard limit stays, so that a controller can have back what the
  // gate was started with.
  const rlimit core{1, std::max<rlim_t>(1, monitor::core_limit_at_start().rlim_max)};
  ::setrlimit(RLIMIT_CORE, &core);
  ::prctl(PR_SET_DUMPABLE, 0);
  return true;
}

/// `[--policy FILE] --ssh-gate [--client NAME]`, exactly as the sudoers line writes it; nothing for any other command line.
struct GateCall {
  std::string policy = config::default_policy;
  std::string client = "default";
};
std::optional<GateCall> gate_call(const std::vector<std::string>& args) {
  GateCall call;
  std::size_t i = 0;
  if (args.size() > 1 && args[0] == "--policy") call.policy = args[1], i = 2;
  if (i >= args.size() || args[i] != "--ssh-gate") return std::nullopt;
  if (args.size() == i + 3 && args[i + 1] == "--client" && is_name(args[i + 2]))
    call.client = args[i + 2];
  else if (args.size() != i + 1)
    return std::nullopt;
  return call;
}

}  // namespace

int main(int argc, char** argv) {
  const request::Arrival arrival{variable("SSH_ORIGINAL_COMMAND"), variable("SSH_CONNECTION"), variable("SUDO_USER")};
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (!clean_up()) return to_status(Exit::bug);
  if (const auto call = gate_call(args)) {
    if (::geteuid() != 0) {
      static constexpr char words[] = "backupctl: the gate must run as root, through sudo; nothing was done\n";
      [[maybe_unused]] const ssize_t n = ::write(2, words, sizeof words - 1);
      return to_status(Exit::bad_config);
    }
    if (::chdir("/") != 0) return to_status(Exit::bug);
    return to_status(request::serve(arrival, call->policy, call->client));
  }
  return operate::main(args);
}
