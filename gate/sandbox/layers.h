#pragma once

#include "common/result.h"
#include "gate/sandbox/cage.h"

/// The layers of a cage, in the order in which enter() puts them on. Each is complete in itself, so that one that a kernel
/// flaw opens leaves the others standing.
namespace backupctl::sandbox {

/// A mount namespace of its own whose root holds nothing but the cage's binds; read-only, no devices, no set-uid, and
/// executable only where a bind says so.
Result<> enter_root(const Cage& cage);

/// Resource limits, umask 077, no core dump.
/// @param half  half_of_available_memory(), asked where there is a /proc
Result<> set_limits(const Role& role, std::uint64_t half);

/// The user namespace, the uid, and of all capabilities just those of the role's tree access.
Result<> drop_privileges(const Cage& cage);

/// Landlock with the best ABI that the kernel offers (linux/landlock.h). A kernel without it is no error: Protections says so.
Result<> restrict_with_landlock(const Cage& cage);
/// The ABI's number (landlock_create_ruleset(2)); 0 without Landlock.
int landlock_abi();

/// The role's syscall filter; what it refuses is reported by name for our own helpers, and an error code for a foreign program.
Result<> filter_syscalls(const Role& role);

}  // namespace backupctl::sandbox
