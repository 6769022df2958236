#include <grp.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "gate/sandbox/layers.h"
#include "gate/sandbox/mount.h"

namespace backupctl::sandbox {
namespace {

constexpr cap_value_t read_any_capabilities[] = {CAP_DAC_READ_SEARCH};
constexpr cap_value_t write_any_capabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP};

std::span<const cap_value_t> capabilities(TreeAccess access) {
  switch (access) {
    case TreeAccess::none:
      return {};
    case TreeAccess::read_any:
      return read_any_capabilities;
    case TreeAccess::write_any:
      return write_any_capabilities;
  }
  return {};
}

struct FreeCapabilities {
  void operator()(cap_t caps) const { cap_free(caps); }
};

/// Never raises a limit that the caller (sudo, systemd) set lower: that needs a capability, and lower is stricter.
bool set_limit(__rlimit_resource resource, rlim_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  const rlim_t lower = std::min(value, now.rlim_max);
  const rlimit limit{lower, lower};
  return ::setrlimit(resource, &limit) == 0;
}

/// Keeps exactly `kept`; ambient too where the role executes a foreign program, which would lose them otherwise.
bool keep_only(std::span<const cap_value_t> kept, bool ambient) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCapabilities> caps(cap_init());
  const int count = static_cast<int>(kept.size());
  if (!caps) return false;
  if (count > 0) {
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE}) {
      if (flag == CAP_INHERITABLE && !ambient) continue;
      if (cap_set_flag(caps.get(), flag, count, kept.data(), CAP_SET) != 0) return false;
    }
  }
  if (cap_set_proc(caps.get()) != 0) return false;
  for (const cap_value_t cap : kept)
    if (ambient && cap_set_ambient(cap, CAP_SET) != 0) return false;
  return true;
}

}  // namespace

Result<> set_limits(const Role& role, std::uint64_t half) {
  const std::uint64_t memory = role.max_memory == half_available ? half : role.max_memory;
  ::umask(077);
  // A piped core_pattern ignores a limit of 0, not one of 1 (core(5)): no secret may end in a core dump.
  const bool done = set_limit(RLIMIT_CORE, 1) && set_limit(RLIMIT_NOFILE, role.max_files) && set_limit(RLIMIT_MEMLOCK, 0) &&
                    set_limit(RLIMIT_MSGQUEUE, 0) && (!role.serves || set_limit(RLIMIT_NPROC, most_processes)) &&
                    (memory == 0 || set_limit(RLIMIT_AS, memory));
  if (!done) return fail_errno(Exit::bug, errno, "cannot set the limits of the {}", role.word);
  return {};
}

Result<> drop_privileges(const Cage& cage) {
  const Role& row = role(cage.role);
  const auto failed = [&](const char* what) { return fail_errno(Exit::bug, errno, "cannot {} for the {}", what, row.word); };
  const bool in_namespace = cage.userns >= 0;
  if (row.tree != TreeAccess::none && !in_namespace && !cage.host_capabilities)
    return fail(Exit::bug, "the {} was given no user namespace", row.word);
  if (in_namespace) {
    if (::setns(cage.userns, CLONE_NEWUSER) != 0) return failed("join the user namespace");
    ::close(cage.userns);
  }
  const auto kept = capabilities(row.tree);
  for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; ++cap) {
    const bool keep = std::find(kept.begin(), kept.end(), cap) != kept.end();
    if (!keep && cap_drop_bound(cap) != 0 && errno != EINVAL) return failed("empty the capability bounding set");
  }
  const uid_t id = in_namespace ? worker_inside : cage.uid;
  if (::setgroups(0, nullptr) != 0) return failed("drop the groups");
  if (::setresgid(id, id, id) != 0) return failed("change the group");
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0) return failed("keep capabilities");
  if (::setresuid(id, id, id) != 0) return failed("change the user");
  if (!keep_only(kept, row.runs_program)) return failed("drop the capabilities");
  return {};
}

}  // namespace backupctl::sandbox
