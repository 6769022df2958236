#pragma once

#include <span>
#include <string>

#include "common/result.h"
#include "gate/sandbox/role.h"

namespace backupctl::sandbox {

/// The descriptor on which a confined child sends Records to the monitor.
inline constexpr int report_fd = 3;
/// The first of the further descriptors that a role was given, in the order in which the monitor listed them.
inline constexpr int first_extra_fd = 4;

/// Where a role finds its trees inside its pivoted root.
inline constexpr const char* source_dir = "/source";  ///< reader, transfer: the service's tree, read-only
inline constexpr const char* spool_dir = "/spool";    ///< reader: writable; transfer: read-only
inline constexpr const char* target_dir = "/target";  ///< extractor: the directory restored into; transfer: a directory remote
inline constexpr const char* mirror_dir = "/mirror";  ///< extractor: a fetched mirror, read-only
inline constexpr const char* config_dir = "/config";  ///< transfer: the private copy of rclone.conf, writable

/// What a helper program does once it is confined. @param args what follows the cage on the command line.
/// @return its exit status (an Exit code). It reports through Records on report_fd.
using Work = int (*)(std::span<const std::string> args);

/// The whole main() of a helper program (backupctl-reader, -relay, -extractor, -signer): reads the cage from argv[1], enters
/// it (uid, namespaces, Landlock, seccomp), and only then calls `work` with the remaining arguments. Whatever cannot be put
/// in force ends the program with Exit::bug and a `failed` record: nothing runs unconfined silently.
int helper_main(RoleName name, int argc, char** argv, Work work);

/// Tells the monitor why the caller cannot be confined (a `failed` record), and ends it.
[[noreturn]] void give_up(const Error& error);

/// The name of a syscall that a `violation` record reports by its number.
std::string syscall_name(long number);

}  // namespace backupctl::sandbox
