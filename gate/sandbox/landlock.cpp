#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "common/io.h"
#include "gate/sandbox/layers.h"

namespace backupctl::sandbox {
namespace {

// Kernel documentation, userspace-api/landlock.rst. Debian 12's header knows ABI 2 only; the later values are the kernel's.
constexpr std::uint64_t access_truncate = 1ULL << 14;   // ABI 3
constexpr std::uint64_t access_ioctl_dev = 1ULL << 15;  // ABI 5
constexpr std::uint64_t network_tcp = 3;                // ABI 4: bind and connect
constexpr std::uint64_t scope_sockets_and_signals = 3;  // ABI 6: abstract sockets and signals stay inside

struct RulesetAttr {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

constexpr std::uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t file_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                      LANDLOCK_ACCESS_FS_EXECUTE | access_truncate | access_ioctl_dev;
// No device nodes and no sockets: nothing of ours makes them but the role that serves, and a restored one would be a way out
// (X5).
constexpr std::uint64_t write_rights = read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                       LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | access_truncate;

std::uint64_t all_rights(int abi) {
  std::uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // ABI 1
  if (abi >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) all |= access_truncate;
  if (abi >= 5) all |= access_ioctl_dev;
  return all;
}

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Result<> restrict_with_landlock(const Cage& cage) {
  const int abi = landlock_abi();
  if (abi == 0) return {};
  const Role& row = role(cage.role);
  const RulesetAttr attr{all_rights(abi), row.network == Network::internet ? 0 : network_tcp, scope_sockets_and_signals};
  const std::size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
  UniqueFd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, size, 0)));
  if (!ruleset) return fail_errno(Exit::bug, errno, "cannot make the Landlock rules of the {}", row.word);
  for (const Bind& bind : cage.binds) {
    UniqueFd path(::open(bind.target.c_str(), O_PATH | O_CLOEXEC));
    if (!path) return fail_errno(Exit::bug, errno, "cannot open {} for a Landlock rule", bind.target);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = (bind.writable ? write_rights : read_rights) | (bind.executable ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
    if (bind.writable && row.serves) rule.allowed_access |= LANDLOCK_ACCESS_FS_MAKE_SOCK;
    rule.allowed_access &= attr.handled_access_fs & (bind.directory ? ~std::uint64_t{0} : file_rights);
    rule.parent_fd = path.get();
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
      return fail_errno(Exit::bug, errno, "cannot add a Landlock rule for {}", bind.target);
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail_errno(Exit::bug, errno, "cannot put Landlock in force for the {}", row.word);
  return {};
}

}  // namespace backupctl::sandbox
